// netwright opt --pass fuse-conv-bias-relu{max-steps=2} %s
func.func @users(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
  %b = graph.relu(%a) : tensor<2x2xf32> loc("relu")
  %c = graph.exp(%a) : tensor<2x2xf32> loc("exp")
  %d = graph.matmul(%w, %x) : tensor<2x2xf32> loc("square")
  %e = graph.mul(%d, %d) : tensor<2x2xf32> loc("by itself")
  func.return(%b, %c, %e)
}
func.func @steps(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("long")
  %b = graph.relu(%a) : tensor<2x2xf32> loc("1")
  %c = graph.tanh(%b) : tensor<2x2xf32> loc("2")
  %d = graph.relu6(%c) : tensor<2x2xf32> loc("3")
  %e = graph.matmul(%w, %x) : tensor<2x2xf32> loc("leaky")
  %f = graph.leaky_relu(%e) : tensor<2x2xf32> loc("leaky_relu")
  %g = graph.matmul(%w, %w) : tensor<2x2xf32> loc("left of sub")
  %h = graph.sub(%x, %g) : tensor<2x2xf32> loc("sub")
  func.return(%d, %f, %h)
}
func.func @shapes(%x: tensor<2x1xf32>, %w: tensor<1x1xf32>, %y: tensor<3x2x1xf32>, %s: tensor<?x2xf32> {graph.dims = ["n", 2]}, %t: tensor<?x2xf32> {graph.dims = ["m", 2]}, %v: tensor<2x2xf32>) -> (tensor<3x2x1xf32>, tensor<?x2xf32> {graph.dims = ["bcast(m, n)", 2]}) {
  %a = graph.matmul(%x, %w) : tensor<2x1xf32> loc("small")
  %b = graph.add(%a, %y) : tensor<3x2x1xf32> loc("grows")
  %c = graph.matmul(%s, %v) : tensor<?x2xf32> loc("n rows")
  %d = graph.add(%t, %c) : tensor<?x2xf32> loc("n rows and m rows")
  func.return(%b, %d)
}
func.func @region(%p: tensor<i1>, %x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("outside")
  %y = graph.if(%p) ({
    %b = graph.relu(%a) : tensor<2x2xf32> loc("inside")
    graph.yield(%b)
  }, {
    graph.yield(%x)
  }) : tensor<2x2xf32>
  func.return(%y)
}
// ----- after
// module {
//   func.func @users(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
//     %b = graph.relu(%a) : tensor<2x2xf32> loc("relu")
//     %c = graph.exp(%a) : tensor<2x2xf32> loc("exp")
//     %d = graph.matmul(%w, %x) : tensor<2x2xf32> loc("square")
//     %e = graph.mul(%d, %d) : tensor<2x2xf32> loc("by itself")
//     func.return(%b, %c, %e)
//   }
//   func.func @steps(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %c = graph.fused_matmul(%x, %w) {epilogue = ["relu", "tanh"]} : tensor<2x2xf32> loc(fused["long", "1", "2"])
//     %d = graph.relu6(%c) : tensor<2x2xf32> loc("3")
//     %e = graph.matmul(%w, %x) : tensor<2x2xf32> loc("leaky")
//     %f = graph.leaky_relu(%e) : tensor<2x2xf32> loc("leaky_relu")
//     %g = graph.matmul(%w, %w) : tensor<2x2xf32> loc("left of sub")
//     %h = graph.sub(%x, %g) : tensor<2x2xf32> loc("sub")
//     func.return(%d, %f, %h)
//   }
//   func.func @shapes(%x: tensor<2x1xf32>, %w: tensor<1x1xf32>, %y: tensor<3x2x1xf32>, %s: tensor<?x2xf32> {graph.dims = ["n", 2]}, %t: tensor<?x2xf32> {graph.dims = ["m", 2]}, %v: tensor<2x2xf32>) -> (tensor<3x2x1xf32>, tensor<?x2xf32> {graph.dims = ["bcast(m, n)", 2]}) {
//     %a = graph.matmul(%x, %w) : tensor<2x1xf32> loc("small")
//     %b = graph.add(%a, %y) : tensor<3x2x1xf32> loc("grows")
//     %c = graph.matmul(%s, %v) : tensor<?x2xf32> loc("n rows")
//     %d = graph.add(%t, %c) {requires = ["m == n or 1"]} : tensor<?x2xf32> loc("n rows and m rows")
//     func.return(%b, %d)
//   }
//   func.func @region(%p: tensor<i1>, %x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("outside")
//     %y = graph.if(%p) ({
//       %b = graph.relu(%a) : tensor<2x2xf32> loc("inside")
//       graph.yield(%b)
//     }, {
//       graph.yield(%x)
//     }) : tensor<2x2xf32>
//     func.return(%y)
//   }
// }
// reason: graph.matmul (square): its result is both operands of graph.mul (by itself)
// reason: graph.matmul (dense): its result, an operand of graph.relu (relu), is also used by graph.exp (exp)
// reason: graph.matmul (left of sub): graph.sub (sub) subtracts the result from another value
// reason: graph.matmul (leaky): graph.leaky_relu (leaky_relu) cannot be part of an epilogue
// reason: graph.fused_matmul (long + 1 + 2): the epilogue has max-steps=2 steps; graph.relu6 (3) is one more
// reason: graph.matmul (n rows): graph.add (n rows and m rows) gives shape [bcast(m, n), 2], the product [n, 2]
// reason: graph.matmul (small): graph.add (grows) gives shape [3, 2, 1], the product [2, 1]
// reason: graph.matmul (outside): its result is used inside of a region, by graph.relu (inside)
