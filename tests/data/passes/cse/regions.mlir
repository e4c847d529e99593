// netwright opt --pass cse %s
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %a = graph.exp(%x) : tensor<4xf32> loc("outside")
  %y = graph.if(%p) ({
    %b = graph.exp(%x) : tensor<4xf32> loc("inside")
    %c = graph.neg(%b) : tensor<4xf32> loc("then")
    graph.yield(%c)
  }, {
    %d = graph.neg(%a) : tensor<4xf32> loc("else")
    graph.yield(%d)
  }) : tensor<4xf32>
  %e = graph.neg(%a) : tensor<4xf32> loc("after")
  %z = graph.while(%x) ({
  ^bb0(%f: tensor<4xf32>):
    %g = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
    graph.yield(%g)
  }, {
  ^bb0(%h: tensor<4xf32>):
    %i = graph.neg(%a) : tensor<4xf32> loc("body")
    %j = graph.neg(%h) : tensor<4xf32> loc("carried")
    %k = graph.add(%i, %j) : tensor<4xf32>
    graph.yield(%k)
  }) : tensor<4xf32>
  func.return(%y, %e, %z)
}
func.func @other(%x: tensor<4xf32>) -> (tensor<4xf32>) {
  %a = graph.exp(%x) : tensor<4xf32> loc("another function")
  func.return(%a)
}
// ----- after
// module {
//   func.func @main(%p: tensor<i1>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
//     %a = graph.exp(%x) : tensor<4xf32> loc(fused["outside", "inside"])
//     %y = graph.if(%p) ({
//       %c = graph.neg(%a) : tensor<4xf32> loc("then")
//       graph.yield(%c)
//     }, {
//       %d = graph.neg(%a) : tensor<4xf32> loc("else")
//       graph.yield(%d)
//     }) : tensor<4xf32>
//     %e = graph.neg(%a) : tensor<4xf32> loc(fused["after", "body"])
//     %z = graph.while(%x) ({
//     ^bb0(%f: tensor<4xf32>):
//       %g = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
//       graph.yield(%g)
//     }, {
//     ^bb0(%h: tensor<4xf32>):
//       %j = graph.neg(%h) : tensor<4xf32> loc("carried")
//       %k = graph.add(%e, %j) : tensor<4xf32>
//       graph.yield(%k)
//     }) : tensor<4xf32>
//     func.return(%y, %e, %z)
//   }
//   func.func @other(%x: tensor<4xf32>) -> (tensor<4xf32>) {
//     %a = graph.exp(%x) : tensor<4xf32> loc("another function")
//     func.return(%a)
//   }
// }
