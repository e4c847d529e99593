// netwright opt --pass dilate-convolutions %s
func.func @images(%x: tensor<?x8x6x2xf32> {graph.dims = ["n", 8, 6, 2]}) -> (tensor<?x4x3x4xf32> {graph.dims = ["n", 4, 3, 4]}) {
  %w = graph.constant() {value = dense<0.5> : tensor<3x2x2x4xf32>} : tensor<3x2x2x4xf32>
  %a = graph.reshape(%x) {shape = ["n", 4, 2, 2, 3, 2]} : tensor<?x4x2x2x3x2xf32> loc("space to batch")
  %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x3x?x4x2x2xf32>
  %c = graph.reshape(%b) {shape = ["6*n", 4, 2, 2]} : tensor<?x4x2x2xf32>
  %d = graph.conv2d(%c, %w) : tensor<?x2x1x4xf32> loc("conv")
  %e = graph.reshape(%d) {shape = [2, 3, "n", 2, 1, 4]} : tensor<2x3x?x2x1x4xf32>
  %f = graph.transpose(%e) {permutation = [2, 3, 0, 4, 1, 5]} : tensor<?x2x2x1x3x4xf32>
  %g = graph.reshape(%f) {shape = ["n", 4, 3, 4]} : tensor<?x4x3x4xf32> loc("batch to space")
  func.return(%g)
}
func.func @same_depthwise(%x: tensor<1x4x6x2xf32>) -> (tensor<1x4x6x2xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<3x3x1x2xf32>} : tensor<3x3x1x2xf32>
  %a = graph.reshape(%x) {shape = [1, 2, 2, 3, 2, 2]} : tensor<1x2x2x3x2x2xf32>
  %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x2x1x2x3x2xf32>
  %c = graph.reshape(%b) {shape = [4, 2, 3, 2]} : tensor<4x2x3x2xf32>
  %d = graph.conv2d(%c, %w) {padding = "SAME"} : tensor<4x2x3x2xf32> loc("conv")
  %e = graph.reshape(%d) {shape = [2, 2, 1, 2, 3, 2]} : tensor<2x2x1x2x3x2xf32>
  %f = graph.transpose(%e) {permutation = [2, 3, 0, 4, 1, 5]} : tensor<1x2x2x3x2x2xf32>
  %g = graph.reshape(%f) {shape = [1, 4, 6, 2]} : tensor<1x4x6x2xf32>
  func.return(%g)
}
func.func @sequences(%x: tensor<?x6x2xf32> {graph.dims = ["n", 6, 2]}) -> (tensor<?x4x5xf32> {graph.dims = ["n", 4, 5]}) {
  %w = graph.constant() {value = dense<0.5> : tensor<1x2x2x5xf32>} : tensor<1x2x2x5xf32>
  %a = graph.reshape(%x) {shape = ["n", 3, 2, 2]} : tensor<?x3x2x2xf32>
  %b = graph.transpose(%a) {permutation = [2, 0, 1, 3]} : tensor<2x?x3x2xf32>
  %c = graph.reshape(%b) {shape = ["2*n", 1, 3, 2]} : tensor<?x1x3x2xf32>
  %d = graph.conv2d(%c, %w) : tensor<?x1x2x5xf32> loc("conv")
  %e = graph.reshape(%d) {shape = [2, "n", 2, 5]} : tensor<2x?x2x5xf32>
  %f = graph.transpose(%e) {permutation = [1, 2, 0, 3]} : tensor<?x2x2x5xf32>
  %g = graph.reshape(%f) {shape = ["n", 4, 5]} : tensor<?x4x5xf32>
  func.return(%g)
}
// ----- after
// module {
//   func.func @images(%x: tensor<?x8x6x2xf32> {graph.dims = ["n", 8, 6, 2]}) -> (tensor<?x4x3x4xf32> {graph.dims = ["n", 4, 3, 4]}) {
//     %w = graph.constant() {value = dense<0.5> : tensor<3x2x2x4xf32>} : tensor<3x2x2x4xf32>
//     %g = graph.conv2d(%x, %w) {dilations = [2, 3]} : tensor<?x4x3x4xf32> loc(fused["space to batch", "conv", "batch to space"])
//     func.return(%g)
//   }
//   func.func @same_depthwise(%x: tensor<1x4x6x2xf32>) -> (tensor<1x4x6x2xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<3x3x1x2xf32>} : tensor<3x3x1x2xf32>
//     %g = graph.conv2d(%x, %w) {dilations = [2, 2], padding = "EXPLICIT", pads = [2, 2, 2, 2]} : tensor<1x4x6x2xf32> loc("conv")
//     func.return(%g)
//   }
//   func.func @sequences(%x: tensor<?x6x2xf32> {graph.dims = ["n", 6, 2]}) -> (tensor<?x4x5xf32> {graph.dims = ["n", 4, 5]}) {
//     %w = graph.constant() {value = dense<0.5> : tensor<1x2x2x5xf32>} : tensor<1x2x2x5xf32>
//     %0 = graph.reshape(%x) {shape = ["n", 1, 6, 2]} : tensor<?x1x6x2xf32>
//     %g = graph.conv2d(%0, %w) {dilations = [1, 2]} : tensor<?x1x4x5xf32> loc("conv")
//     %g_1 = graph.reshape(%g) {shape = ["n", 4, 5]} : tensor<?x4x5xf32>
//     func.return(%g_1)
//   }
// }
