// netwright opt --pass dilate-convolutions %s
func.func @strides(%x: tensor<1x8x6x2xf32>) -> (tensor<1x4x3x4xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x4xf32>} : tensor<1x1x2x4xf32>
  %a = graph.reshape(%x) {shape = [1, 4, 2, 2, 3, 2]} : tensor<1x4x2x2x3x2xf32>
  %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x3x1x4x2x2xf32>
  %c = graph.reshape(%b) {shape = [6, 4, 2, 2]} : tensor<6x4x2x2xf32>
  %d = graph.conv2d(%c, %w) {strides = [2, 2]} : tensor<6x2x1x4xf32> loc("strided")
  %e = graph.reshape(%d) {shape = [2, 3, 1, 2, 1, 4]} : tensor<2x3x1x2x1x4xf32>
  %f = graph.transpose(%e) {permutation = [2, 3, 0, 4, 1, 5]} : tensor<1x2x2x1x3x4xf32>
  %g = graph.reshape(%f) {shape = [1, 4, 3, 4]} : tensor<1x4x3x4xf32>
  func.return(%g)
}
func.func @others(%x: tensor<1x4x4x2xf32>) -> (tensor<4x2x2x2xf32>, tensor<1x4x4x2xf32>, tensor<2x4x2x2xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x2xf32>} : tensor<1x1x2x2xf32>
  %a = graph.reshape(%x) {shape = [1, 2, 2, 2, 2, 2]} : tensor<1x2x2x2x2x2xf32>
  %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x2x1x2x2x2xf32>
  %c = graph.reshape(%b) {shape = [4, 2, 2, 2]} : tensor<4x2x2x2xf32>
  %d = graph.conv2d(%c, %w) : tensor<4x2x2x2xf32> loc("activated")
  %e = graph.relu(%d) : tensor<4x2x2x2xf32> loc("relu")
  %f = graph.conv2d(%c, %w) : tensor<4x2x2x2xf32> loc("other order")
  %g = graph.reshape(%f) {shape = [2, 2, 1, 2, 2, 2]} : tensor<2x2x1x2x2x2xf32>
  %h = graph.transpose(%g) {permutation = [2, 3, 1, 4, 0, 5]} : tensor<1x2x2x2x2x2xf32>
  %i = graph.reshape(%h) {shape = [1, 4, 4, 2]} : tensor<1x4x4x2xf32>
  %j = graph.transpose(%a) {permutation = [2, 0, 1, 4, 3, 5]} : tensor<2x1x2x2x2x2xf32>
  %k = graph.reshape(%j) {shape = [2, 4, 2, 2]} : tensor<2x4x2x2xf32>
  %l = graph.conv2d(%k, %w) : tensor<2x4x2x2xf32> loc("no blocks")
  func.return(%e, %i, %l)
}
// ----- after
// module {
//   func.func @strides(%x: tensor<1x8x6x2xf32>) -> (tensor<1x4x3x4xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x4xf32>} : tensor<1x1x2x4xf32>
//     %a = graph.reshape(%x) {shape = [1, 4, 2, 2, 3, 2]} : tensor<1x4x2x2x3x2xf32>
//     %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x3x1x4x2x2xf32>
//     %c = graph.reshape(%b) {shape = [6, 4, 2, 2]} : tensor<6x4x2x2xf32>
//     %d = graph.conv2d(%c, %w) {strides = [2, 2]} : tensor<6x2x1x4xf32> loc("strided")
//     %e = graph.reshape(%d) {shape = [2, 3, 1, 2, 1, 4]} : tensor<2x3x1x2x1x4xf32>
//     %f = graph.transpose(%e) {permutation = [2, 3, 0, 4, 1, 5]} : tensor<1x2x2x1x3x4xf32>
//     %g = graph.reshape(%f) {shape = [1, 4, 3, 4]} : tensor<1x4x3x4xf32>
//     func.return(%g)
//   }
//   func.func @others(%x: tensor<1x4x4x2xf32>) -> (tensor<4x2x2x2xf32>, tensor<1x4x4x2xf32>, tensor<2x4x2x2xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x2xf32>} : tensor<1x1x2x2xf32>
//     %a = graph.reshape(%x) {shape = [1, 2, 2, 2, 2, 2]} : tensor<1x2x2x2x2x2xf32>
//     %b = graph.transpose(%a) {permutation = [2, 4, 0, 1, 3, 5]} : tensor<2x2x1x2x2x2xf32>
//     %c = graph.reshape(%b) {shape = [4, 2, 2, 2]} : tensor<4x2x2x2xf32>
//     %d = graph.conv2d(%c, %w) : tensor<4x2x2x2xf32> loc("activated")
//     %e = graph.relu(%d) : tensor<4x2x2x2xf32> loc("relu")
//     %f = graph.conv2d(%c, %w) : tensor<4x2x2x2xf32> loc("other order")
//     %g = graph.reshape(%f) {shape = [2, 2, 1, 2, 2, 2]} : tensor<2x2x1x2x2x2xf32>
//     %h = graph.transpose(%g) {permutation = [2, 3, 1, 4, 0, 5]} : tensor<1x2x2x2x2x2xf32>
//     %i = graph.reshape(%h) {shape = [1, 4, 4, 2]} : tensor<1x4x4x2xf32>
//     %j = graph.transpose(%a) {permutation = [2, 0, 1, 4, 3, 5]} : tensor<2x1x2x2x2x2xf32>
//     %k = graph.reshape(%j) {shape = [2, 4, 2, 2]} : tensor<2x4x2x2xf32>
//     %l = graph.conv2d(%k, %w) : tensor<2x4x2x2xf32> loc("no blocks")
//     func.return(%e, %i, %l)
//   }
// }
// reason: graph.conv2d (strided): it has strides [2, 2] within the blocks
// reason: graph.conv2d (activated): graph.relu (relu) follows before the blocks are put together
// reason: graph.conv2d (other order): its result is not put together as its image was taken apart
