// netwright opt --pass fold-batch-norm %s
func.func @transposed(%x: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x3xf32>) {
  %w = graph.constant() {value = dense<[[[[1.0, 2.0], [-1.0, 0.5], [4.0, 3.0]]]]> : tensor<1x1x3x2xf32>} : tensor<1x1x3x2xf32>
  %scale = graph.constant() {value = dense<[2.0, 10.0, -1.0]> : tensor<3xf32>} : tensor<3xf32>
  %a = graph.conv_transpose(%x, %w) {dilations = [1, 1], pads = [0, 0, 0, 0], padding = "SAME", size = [4, 4], strides = [2, 2]} : tensor<1x4x4x3xf32> loc("up")
  %b = graph.mul(%a, %scale) : tensor<1x4x4x3xf32> loc("scale")
  func.return(%b)
}
func.func @groups(%x: tensor<1x2x2x4xf32>) -> (tensor<1x2x2x4xf32>) {
  %w = graph.constant() {value = dense<[[[[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]]]> : tensor<1x1x2x4xf32>} : tensor<1x1x2x4xf32>
  %scale = graph.constant() {value = dense<[1.0, 10.0, 100.0, 1000.0]> : tensor<4xf32>} : tensor<4xf32>
  %a = graph.conv_transpose(%x, %w) {dilations = [1, 1], groups = 2, pads = [0, 0, 0, 0], size = [2, 2], strides = [1, 1]} : tensor<1x2x2x4xf32> loc("groups")
  %b = graph.mul(%a, %scale) : tensor<1x2x2x4xf32> loc("scale")
  func.return(%b)
}
func.func @volumes(%x: tensor<1x2x2x2x1xf32>) -> (tensor<1x2x2x2x2xf32>) {
  %w = graph.constant() {value = dense<[[[[[1.0, 2.0]]]]]> : tensor<1x1x1x1x2xf32>} : tensor<1x1x1x1x2xf32>
  %scale = graph.constant() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.conv3d(%x, %w) : tensor<1x2x2x2x2xf32> loc("volume")
  %b = graph.mul(%a, %scale) : tensor<1x2x2x2x2xf32> loc("scale")
  %c = graph.add(%b, %scale) : tensor<1x2x2x2x2xf32> loc("shift")
  func.return(%c)
}
// ----- after
// module {
//   func.func @transposed(%x: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x3xf32>) {
//     %w = graph.constant() {value = dense<[[[[2.0, 4.0], [-10.0, 5.0], [-4.0, -3.0]]]]> : tensor<1x1x3x2xf32>} : tensor<1x1x3x2xf32>
//     %a = graph.conv_transpose(%x, %w) {dilations = [1, 1], padding = "SAME", pads = [0, 0, 0, 0], size = [4, 4], strides = [2, 2]} : tensor<1x4x4x3xf32> loc(fused["up", "scale"])
//     func.return(%a)
//   }
//   func.func @groups(%x: tensor<1x2x2x4xf32>) -> (tensor<1x2x2x4xf32>) {
//     %w = graph.constant() {value = dense<[[[[1.0, 1.0, 200.0, 200.0], [30.0, 30.0, 4000.0, 4000.0]]]]> : tensor<1x1x2x4xf32>} : tensor<1x1x2x4xf32>
//     %a = graph.conv_transpose(%x, %w) {dilations = [1, 1], groups = 2, pads = [0, 0, 0, 0], size = [2, 2], strides = [1, 1]} : tensor<1x2x2x4xf32> loc(fused["groups", "scale"])
//     func.return(%a)
//   }
//   func.func @volumes(%x: tensor<1x2x2x2x1xf32>) -> (tensor<1x2x2x2x2xf32>) {
//     %w = graph.constant() {value = dense<[[[[[2.0, 20.0]]]]]> : tensor<1x1x1x1x2xf32>} : tensor<1x1x1x1x2xf32>
//     %a = graph.conv3d(%x, %w) : tensor<1x2x2x2x2xf32> loc(fused["volume", "scale"])
//     %0 = graph.constant() {value = dense<[2.0, 10.0]> : tensor<2xf32>} : tensor<2xf32> loc("shift")
//     %c = graph.add(%a, %0) : tensor<1x2x2x2x2xf32> loc(fused["scale", "shift"])
//     func.return(%c)
//   }
// }
