// netwright opt --pass canonicalize %s
func.func @relu(%x: tensor<2x5x6x3xf32>, %dy: tensor<2x2x3x3xf32>) -> (tensor<2x5x6x3xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %y = graph.max_pool2d(%x) {kernel = [2, 2], padding = "VALID", pads = [0, 0, 0, 0], strides = [2, 2]} : tensor<2x2x3x3xf32>
  %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<2x5x6x3xf32>
  %p = graph.greater(%x, %zero) : tensor<2x5x6x3xi1>
  %dx = graph.select(%p, %g, %zero) : tensor<2x5x6x3xf32>
  func.return(%dx)
}
func.func @between(%x: tensor<1x5x5x2xf32>, %y: tensor<1x3x3x2xf32>, %dy: tensor<1x3x3x2xf32>) -> (tensor<1x5x5x2xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %six = graph.constant() {value = dense<6.0> : tensor<f32>} : tensor<f32>
  %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [3, 3], padding = "SAME", strides = [2, 2]} : tensor<1x5x5x2xf32>
  %a = graph.greater(%x, %zero) : tensor<1x5x5x2xi1>
  %b = graph.greater_equal(%x, %six) : tensor<1x5x5x2xi1>
  %c = graph.logical_not(%b) : tensor<1x5x5x2xi1>
  %p = graph.logical_and(%a, %c) : tensor<1x5x5x2xi1>
  %dx = graph.select(%p, %g, %zero) : tensor<1x5x5x2xf32>
  func.return(%dx)
}
func.func @kept(%x: tensor<1x4x4x2xf32>, %z: tensor<1x4x4x2xf32>, %y: tensor<1x2x2x2xf32>, %dy: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %minus = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
  %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
  %p = graph.greater(%z, %zero) : tensor<1x4x4x2xi1>
  %another = graph.select(%p, %g, %zero) : tensor<1x4x4x2xf32>
  %h = graph.max_pool_gradient(%x, %y, %y) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
  %q = graph.greater(%x, %zero) : tensor<1x4x4x2xi1>
  %twice = graph.select(%q, %h, %zero) : tensor<1x4x4x2xf32>
  %i = graph.max_pool_gradient(%x, %dy, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
  %sign = graph.select(%q, %i, %minus) : tensor<1x4x4x2xf32>
  func.return(%another, %twice, %h, %sign)
}
func.func @of_zeros_as_large_as_the_image(%x: tensor<1x4x4x2xf32>, %y: tensor<1x2x2x2xf32>, %dy: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %zeros = graph.constant() {value = dense<0.0> : tensor<1x4x4x2xf32>} : tensor<1x4x4x2xf32>
  %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
  %p = graph.greater(%x, %zero) : tensor<1x4x4x2xi1>
  %a = graph.select(%p, %g, %zeros) : tensor<1x4x4x2xf32>
  %h = graph.max_pool_gradient(%x, %y, %y) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
  %q = graph.greater(%x, %zeros) : tensor<1x4x4x2xi1>
  %b = graph.select(%q, %h, %zero) : tensor<1x4x4x2xf32>
  func.return(%a, %b)
}
// ----- after
// module {
//   func.func @relu(%x: tensor<2x5x6x3xf32>, %dy: tensor<2x2x3x3xf32>) -> (tensor<2x5x6x3xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %y = graph.max_pool2d(%x) {kernel = [2, 2], strides = [2, 2]} : tensor<2x2x3x3xf32>
//     %0 = graph.greater(%y, %zero) : tensor<2x2x3x3xi1>
//     %1 = graph.select(%0, %dy, %zero) : tensor<2x2x3x3xf32>
//     %dx = graph.max_pool_gradient(%x, %y, %1) {kernel = [2, 2], strides = [2, 2]} : tensor<2x5x6x3xf32>
//     func.return(%dx)
//   }
//   func.func @between(%x: tensor<1x5x5x2xf32>, %y: tensor<1x3x3x2xf32>, %dy: tensor<1x3x3x2xf32>) -> (tensor<1x5x5x2xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %six = graph.constant() {value = dense<6.0> : tensor<f32>} : tensor<f32>
//     %0 = graph.greater(%y, %zero) : tensor<1x3x3x2xi1>
//     %1 = graph.greater_equal(%y, %six) : tensor<1x3x3x2xi1>
//     %2 = graph.logical_not(%1) : tensor<1x3x3x2xi1>
//     %3 = graph.logical_and(%0, %2) : tensor<1x3x3x2xi1>
//     %4 = graph.select(%3, %dy, %zero) : tensor<1x3x3x2xf32>
//     %dx = graph.max_pool_gradient(%x, %y, %4) {kernel = [3, 3], padding = "SAME", strides = [2, 2]} : tensor<1x5x5x2xf32>
//     func.return(%dx)
//   }
//   func.func @kept(%x: tensor<1x4x4x2xf32>, %z: tensor<1x4x4x2xf32>, %y: tensor<1x2x2x2xf32>, %dy: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %minus = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
//     %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
//     %p = graph.greater(%z, %zero) : tensor<1x4x4x2xi1>
//     %another = graph.select(%p, %g, %zero) : tensor<1x4x4x2xf32>
//     %h = graph.max_pool_gradient(%x, %y, %y) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
//     %q = graph.greater(%x, %zero) : tensor<1x4x4x2xi1>
//     %twice = graph.select(%q, %h, %zero) : tensor<1x4x4x2xf32>
//     %i = graph.max_pool_gradient(%x, %dy, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
//     %sign = graph.select(%q, %i, %minus) : tensor<1x4x4x2xf32>
//     func.return(%another, %twice, %h, %sign)
//   }
//   func.func @of_zeros_as_large_as_the_image(%x: tensor<1x4x4x2xf32>, %y: tensor<1x2x2x2xf32>, %dy: tensor<1x2x2x2xf32>) -> (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %zeros = graph.constant() {value = dense<0.0> : tensor<1x4x4x2xf32>} : tensor<1x4x4x2xf32>
//     %g = graph.max_pool_gradient(%x, %y, %dy) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
//     %p = graph.greater(%x, %zero) : tensor<1x4x4x2xi1>
//     %a = graph.select(%p, %g, %zeros) : tensor<1x4x4x2xf32>
//     %h = graph.max_pool_gradient(%x, %y, %y) {kernel = [2, 2], strides = [2, 2]} : tensor<1x4x4x2xf32>
//     %q = graph.greater(%x, %zeros) : tensor<1x4x4x2xi1>
//     %b = graph.select(%q, %h, %zero) : tensor<1x4x4x2xf32>
//     func.return(%a, %b)
//   }
// }
// reason: graph.select (?): the pool's gradient is also wanted without the mask
