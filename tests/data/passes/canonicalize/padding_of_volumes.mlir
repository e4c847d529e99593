// netwright opt --pass canonicalize %s
func.func @volumes(%x: tensor<1x3x4x5x2xf32>) -> (tensor<1x4x4x4x1xf32>, tensor<1x3x2x3x2xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %low = graph.constant() {value = dense<0xFF800000> : tensor<f32>} : tensor<f32>
  %w = graph.constant() {value = dense<0.5> : tensor<2x3x3x2x1xf32>} : tensor<2x3x3x2x1xf32>
  %a = graph.pad(%x, %zero) {low = [0, 1, 2, 1, 0], high = [0, 1, 0, 0, 0]} : tensor<1x5x6x6x2xf32> loc("pad")
  %b = graph.conv3d(%a, %w) : tensor<1x4x4x4x1xf32> loc("conv")
  %c = graph.pad(%x, %low) {low = [0, 0, 0, 1, 0], high = [0, 0, 0, 0, 0]} : tensor<1x3x4x6x2xf32>
  %d = graph.max_pool3d(%c) {kernel = [1, 2, 2], strides = [1, 2, 2]} : tensor<1x3x2x3x2xf32>
  func.return(%b, %d)
}
// ----- after
// module {
//   func.func @volumes(%x: tensor<1x3x4x5x2xf32>) -> (tensor<1x4x4x4x1xf32>, tensor<1x3x2x3x2xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<2x3x3x2x1xf32>} : tensor<2x3x3x2x1xf32>
//     %b = graph.conv3d(%x, %w) {padding = "EXPLICIT", pads = [1, 1, 2, 0, 1, 0]} : tensor<1x4x4x4x1xf32> loc(fused["pad", "conv"])
//     %d = graph.max_pool3d(%x) {kernel = [1, 2, 2], padding = "EXPLICIT", pads = [0, 0, 0, 0, 1, 0], strides = [1, 2, 2]} : tensor<1x3x2x3x2xf32>
//     func.return(%b, %d)
//   }
// }
