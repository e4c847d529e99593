// netwright opt --pass canonicalize %s
func.func @conv(%x: tensor<?x?x6x2xf32> {graph.dims = ["n", "h", 6, 2]}) -> (tensor<?x?x4x1xf32> {graph.dims = ["n", "floordiv(h, 2) + 1", 4, 1]}, tensor<?x?x7x1xf32> {graph.dims = ["n", "h + 4", 7, 1]}) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %w = graph.constant() {value = dense<0.5> : tensor<3x3x2x1xf32>} : tensor<3x3x2x1xf32>
  %a = graph.pad(%x, %zero) {low = [0, 2, 1, 0], high = [0, 1, 2, 0]} : tensor<?x?x9x2xf32> loc("pad")
  %b = graph.conv2d(%a, %w) {strides = [2, 2]} : tensor<?x?x4x1xf32> loc("conv")
  %c = graph.conv2d(%a, %w) {padding = "EXPLICIT", pads = [2, 1, 0, 0]} : tensor<?x?x7x1xf32> loc("more")
  func.return(%b, %c)
}
func.func @max_pool(%x: tensor<1x5x5x2xf32>, %i: tensor<1x5x5x2xi8>) -> (tensor<1x5x5x2xf32>, tensor<1x5x5x2xi8>) {
  %low = graph.constant() {value = dense<0xFF800000> : tensor<f32>} : tensor<f32>
  %least = graph.constant() {value = dense<-128> : tensor<i8>} : tensor<i8>
  %a = graph.pad(%x, %low) {low = [0, 1, 1, 0], high = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
  %b = graph.max_pool2d(%a) {kernel = [3, 3]} : tensor<1x5x5x2xf32>
  %c = graph.pad(%i, %least) {low = [0, 1, 1, 0], high = [0, 1, 1, 0]} : tensor<1x7x7x2xi8>
  %d = graph.max_pool2d(%c) {kernel = [3, 3]} : tensor<1x5x5x2xi8>
  func.return(%b, %d)
}
func.func @kept(%x: tensor<1x5x5x2xf32>, %v: tensor<f32>) -> (tensor<1x5x5x2xf32>, tensor<1x5x5x2xf32>, tensor<1x5x5x1xf32>, tensor<1x5x5x1xf32>, tensor<1x7x7x1xf32>, tensor<1x5x5x1xf32>, tensor<1x5x5x1xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %negative = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
  %w = graph.constant() {value = dense<0.5> : tensor<3x3x2x1xf32>} : tensor<3x3x2x1xf32>
  %w3 = graph.constant() {value = dense<0.5> : tensor<3x3x3x1xf32>} : tensor<3x3x3x1xf32>
  %p = graph.pad(%x, %zero) {low = [0, 1, 1, 0], high = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
  %q = graph.pad(%x, %v) {low = [0, 1, 1, 0], high = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
  %r = graph.pad(%x, %zero) {low = [0, 1, 1, 0], high = [0, 1, 1, 1]} : tensor<1x7x7x3xf32>
  %s = graph.pad(%x, %negative) {low = [0, 1, 1, 0], high = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
  %a = graph.max_pool2d(%p) {kernel = [3, 3]} : tensor<1x5x5x2xf32> loc("max")
  %b = graph.avg_pool2d(%p) {kernel = [3, 3]} : tensor<1x5x5x2xf32> loc("mean")
  %c = graph.conv2d(%q, %w) : tensor<1x5x5x1xf32> loc("computed")
  %d = graph.conv2d(%r, %w3) : tensor<1x5x5x1xf32> loc("channels")
  %e = graph.conv2d(%p, %w) {padding = "SAME"} : tensor<1x7x7x1xf32> loc("same")
  %f = graph.conv2d(%s, %w) : tensor<1x5x5x1xf32> loc("negative")
  %g = graph.conv2d(%p, %w) : tensor<1x5x5x1xf32> loc("taken")
  func.return(%a, %b, %c, %d, %e, %f, %g)
}
// ----- after
// module {
//   func.func @conv(%x: tensor<?x?x6x2xf32> {graph.dims = ["n", "h", 6, 2]}) -> (tensor<?x?x4x1xf32> {graph.dims = ["n", "floordiv(h, 2) + 1", 4, 1]}, tensor<?x?x7x1xf32> {graph.dims = ["n", "h + 4", 7, 1]}) {
//     %w = graph.constant() {value = dense<0.5> : tensor<3x3x2x1xf32>} : tensor<3x3x2x1xf32>
//     %b = graph.conv2d(%x, %w) {padding = "EXPLICIT", pads = [2, 1, 1, 2], strides = [2, 2]} : tensor<?x?x4x1xf32> loc(fused["pad", "conv"])
//     %c = graph.conv2d(%x, %w) {padding = "EXPLICIT", pads = [4, 2, 1, 2]} : tensor<?x?x7x1xf32> loc(fused["pad", "more"])
//     func.return(%b, %c)
//   }
//   func.func @max_pool(%x: tensor<1x5x5x2xf32>, %i: tensor<1x5x5x2xi8>) -> (tensor<1x5x5x2xf32>, tensor<1x5x5x2xi8>) {
//     %b = graph.max_pool2d(%x) {kernel = [3, 3], padding = "EXPLICIT", pads = [1, 1, 1, 1]} : tensor<1x5x5x2xf32>
//     %d = graph.max_pool2d(%i) {kernel = [3, 3], padding = "EXPLICIT", pads = [1, 1, 1, 1]} : tensor<1x5x5x2xi8>
//     func.return(%b, %d)
//   }
//   func.func @kept(%x: tensor<1x5x5x2xf32>, %v: tensor<f32>) -> (tensor<1x5x5x2xf32>, tensor<1x5x5x2xf32>, tensor<1x5x5x1xf32>, tensor<1x5x5x1xf32>, tensor<1x7x7x1xf32>, tensor<1x5x5x1xf32>, tensor<1x5x5x1xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %negative = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
//     %w = graph.constant() {value = dense<0.5> : tensor<3x3x2x1xf32>} : tensor<3x3x2x1xf32>
//     %w3 = graph.constant() {value = dense<0.5> : tensor<3x3x3x1xf32>} : tensor<3x3x3x1xf32>
//     %p = graph.pad(%x, %zero) {high = [0, 1, 1, 0], low = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
//     %q = graph.pad(%x, %v) {high = [0, 1, 1, 0], low = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
//     %r = graph.pad(%x, %zero) {high = [0, 1, 1, 1], low = [0, 1, 1, 0]} : tensor<1x7x7x3xf32>
//     %s = graph.pad(%x, %negative) {high = [0, 1, 1, 0], low = [0, 1, 1, 0]} : tensor<1x7x7x2xf32>
//     %a = graph.max_pool2d(%p) {kernel = [3, 3]} : tensor<1x5x5x2xf32> loc("max")
//     %b = graph.avg_pool2d(%p) {kernel = [3, 3]} : tensor<1x5x5x2xf32> loc("mean")
//     %c = graph.conv2d(%q, %w) : tensor<1x5x5x1xf32> loc("computed")
//     %d = graph.conv2d(%r, %w3) : tensor<1x5x5x1xf32> loc("channels")
//     %e = graph.conv2d(%p, %w) {padding = "SAME"} : tensor<1x7x7x1xf32> loc("same")
//     %f = graph.conv2d(%s, %w) : tensor<1x5x5x1xf32> loc("negative")
//     %g = graph.conv2d(%x, %w) {padding = "EXPLICIT", pads = [1, 1, 1, 1]} : tensor<1x5x5x1xf32> loc("taken")
//     func.return(%a, %b, %c, %d, %e, %f, %g)
//   }
// }
// reason: graph.max_pool2d (max): the padding takes part in the maximum: it is not -inf or the lowest integer
// reason: graph.avg_pool2d (mean): the padding takes part in the mean, which the pool's own padding does not
// reason: graph.conv2d (computed): the image is padded with something else than 0
// reason: graph.conv2d (channels): the padding also goes around the batch or the channels
// reason: graph.conv2d (same): SAME padding depends on the padded size
// reason: graph.conv2d (negative): the image is padded with something else than 0
