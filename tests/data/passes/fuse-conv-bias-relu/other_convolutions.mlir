// netwright opt --pass fuse-conv-bias-relu %s
func.func @transposed(%x: tensor<?x?x2x2xf32> {graph.dims = ["n", "h", 2, 2]}, %w: tensor<3x3x3x2xf32>, %b: tensor<3xf32>) -> (tensor<?x?x4x3xf32> {graph.dims = ["n", "2*h", 4, 3]}) {
  %a = graph.conv_transpose(%x, %w) {dilations = [1, 1], pads = [0, 0, 0, 0], padding = "SAME", size = ["2*h", 4], strides = [2, 2]} : tensor<?x?x4x3xf32> loc("up")
  %c = graph.add(%a, %b) : tensor<?x?x4x3xf32> loc("bias")
  %d = graph.relu(%c) : tensor<?x?x4x3xf32> loc("relu")
  func.return(%d)
}
func.func @volumes(%x: tensor<1x2x2x2x1xf32>, %w: tensor<1x1x1x1x2xf32>, %r: tensor<1x2x2x2x2xf32>) -> (tensor<1x2x2x2x2xf32>) {
  %a = graph.conv3d(%x, %w) : tensor<1x2x2x2x2xf32> loc("volume")
  %b = graph.add(%a, %r) : tensor<1x2x2x2x2xf32> loc("sum")
  func.return(%b)
}
// ----- after
// module {
//   func.func @transposed(%x: tensor<?x?x2x2xf32> {graph.dims = ["n", "h", 2, 2]}, %w: tensor<3x3x3x2xf32>, %b: tensor<3xf32>) -> (tensor<?x?x4x3xf32> {graph.dims = ["n", "2*h", 4, 3]}) {
//     %d = graph.fused_conv_transpose(%x, %w, %b) {dilations = [1, 1], epilogue = ["add", "relu"], padding = "SAME", pads = [0, 0, 0, 0], size = ["2*h", 4], strides = [2, 2]} : tensor<?x?x4x3xf32> loc(fused["up", "bias", "relu"])
//     func.return(%d)
//   }
//   func.func @volumes(%x: tensor<1x2x2x2x1xf32>, %w: tensor<1x1x1x1x2xf32>, %r: tensor<1x2x2x2x2xf32>) -> (tensor<1x2x2x2x2xf32>) {
//     %b = graph.fused_conv3d(%x, %w, %r) {epilogue = ["add"]} : tensor<1x2x2x2x2xf32> loc(fused["volume", "sum"])
//     func.return(%b)
//   }
// }
