// netwright opt --pass fuse-conv-bias-relu %s
func.func @bias_relu(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}, %w: tensor<3x3x2x4xf32>, %b: tensor<4xf32>) -> (tensor<?x5x5x4xf32> {graph.dims = ["n", 5, 5, 4]}) {
  %a = graph.conv2d(%x, %w) {padding = "SAME"} : tensor<?x5x5x4xf32> loc("conv")
  %c = graph.add(%b, %a) : tensor<?x5x5x4xf32> loc("bias")
  %d = graph.relu6(%c) : tensor<?x5x5x4xf32> loc("relu6")
  func.return(%d)
}
func.func @dense(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}, %w: tensor<3x2xf32>, %b: tensor<2xf32>, %s: tensor<f32>) -> (tensor<?x2xf32> {graph.dims = ["n", 2]}) {
  %a = graph.matmul(%x, %w) : tensor<?x2xf32> loc("dense")
  %c = graph.sub(%a, %b) : tensor<?x2xf32> loc("sub")
  %d = graph.mul(%s, %c) : tensor<?x2xf32> loc("mul")
  %e = graph.elu(%d) : tensor<?x2xf32> loc("elu")
  %f = graph.add(%e, %b) : tensor<?x2xf32> loc("add")
  %g = graph.sigmoid(%f) : tensor<?x2xf32> loc("sigmoid")
  %h = graph.tanh(%g) : tensor<?x2xf32> loc("tanh")
  func.return(%h)
}
func.func @residual(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}, %w: tensor<1x1x2x2xf32>, %b: tensor<2xf32>) -> (tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}) {
  %main = graph.conv2d(%x, %w) : tensor<?x5x5x2xf32> loc("main")
  %main_bias = graph.add(%main, %b) : tensor<?x5x5x2xf32> loc("main bias")
  %short = graph.conv2d(%x, %w) : tensor<?x5x5x2xf32> loc("shortcut")
  %short_bias = graph.add(%short, %b) : tensor<?x5x5x2xf32> loc("shortcut bias")
  %sum = graph.add(%main_bias, %short_bias) : tensor<?x5x5x2xf32> loc("sum")
  %y = graph.relu(%sum) : tensor<?x5x5x2xf32> loc("relu")
  func.return(%y)
}
func.func @late_operand(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
  %b = graph.exp(%x) : tensor<2x2xf32> loc("later")
  %c = graph.add(%a, %b) : tensor<2x2xf32> loc("add")
  func.return(%c)
}
func.func @again(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> (tensor<2x2xf32>) {
  %a = graph.fused_matmul(%x, %w, %b) {epilogue = ["add"]} : tensor<2x2xf32> loc("fused")
  %c = graph.mul(%a, %b) : tensor<2x2xf32> loc("mul")
  func.return(%c)
}
func.func @inside(%p: tensor<i1>, %x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
  %y = graph.if(%p) ({
    %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
    %b = graph.relu(%a) : tensor<2x2xf32> loc("relu")
    graph.yield(%b)
  }, {
    graph.yield(%x)
  }) : tensor<2x2xf32>
  func.return(%y)
}
// ----- after
// module {
//   func.func @bias_relu(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}, %w: tensor<3x3x2x4xf32>, %b: tensor<4xf32>) -> (tensor<?x5x5x4xf32> {graph.dims = ["n", 5, 5, 4]}) {
//     %d = graph.fused_conv2d(%x, %w, %b) {epilogue = ["add", "relu6"], padding = "SAME"} : tensor<?x5x5x4xf32> loc(fused["conv", "bias", "relu6"])
//     func.return(%d)
//   }
//   func.func @dense(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}, %w: tensor<3x2xf32>, %b: tensor<2xf32>, %s: tensor<f32>) -> (tensor<?x2xf32> {graph.dims = ["n", 2]}) {
//     %h = graph.fused_matmul(%x, %w, %b, %s, %b) {epilogue = ["sub", "mul", "elu", "add", "sigmoid", "tanh"]} : tensor<?x2xf32> loc(fused["dense", "sub", "mul", "elu", "add", "sigmoid", "tanh"])
//     func.return(%h)
//   }
//   func.func @residual(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}, %w: tensor<1x1x2x2xf32>, %b: tensor<2xf32>) -> (tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}) {
//     %main_bias = graph.fused_conv2d(%x, %w, %b) {epilogue = ["add"]} : tensor<?x5x5x2xf32> loc(fused["main", "main bias"])
//     %y = graph.fused_conv2d(%x, %w, %b, %main_bias) {epilogue = ["add", "add", "relu"]} : tensor<?x5x5x2xf32> loc(fused["shortcut", "shortcut bias", "sum", "relu"])
//     func.return(%y)
//   }
//   func.func @late_operand(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
//     %b = graph.exp(%x) : tensor<2x2xf32> loc("later")
//     %c = graph.fused_matmul(%x, %w, %b) {epilogue = ["add"]} : tensor<2x2xf32> loc(fused["dense", "add"])
//     func.return(%c)
//   }
//   func.func @again(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>, %b: tensor<2xf32>) -> (tensor<2x2xf32>) {
//     %c = graph.fused_matmul(%x, %w, %b, %b) {epilogue = ["add", "mul"]} : tensor<2x2xf32> loc(fused["fused", "mul"])
//     func.return(%c)
//   }
//   func.func @inside(%p: tensor<i1>, %x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
//     %y = graph.if(%p) ({
//       %b = graph.fused_matmul(%x, %w) {epilogue = ["relu"]} : tensor<2x2xf32> loc(fused["dense", "relu"])
//       graph.yield(%b)
//     }, {
//       graph.yield(%x)
//     }) : tensor<2x2xf32>
//     func.return(%y)
//   }
// }
// reason: graph.fused_conv2d (main + main bias): its result is part of the epilogue of graph.fused_conv2d (shortcut + shortcut bias + sum + relu), which is computed later
