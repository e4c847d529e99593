// netwright opt --pass recompute %s
func.func @normalized(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>, %mean: tensor<64x1xf32>, %scale: tensor<64x1xf32>, %dy: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<64xf32>) {
  %h = graph.matmul(%x, %w) : tensor<64x128xf32>
  %a = graph.sub(%h, %mean) : tensor<64x128xf32>
  %b = graph.mul(%a, %scale) : tensor<64x128xf32>
  %y = graph.matmul(%b, %w) : tensor<64x128xf32>
  %c = graph.mul(%dy, %a) : tensor<64x128xf32>
  %s = graph.reduce_sum(%c) {axes = [1]} : tensor<64xf32>
  %d = graph.matmul(%dy, %w) : tensor<64x128xf32>
  %e = graph.mul(%d, %b) : tensor<64x128xf32>
  %f = graph.add(%e, %h) : tensor<64x128xf32>
  %g = graph.mul(%y, %f) : tensor<64x128xf32>
  func.return(%g, %s)
}
func.func @one_instead_of_two(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %h = graph.matmul(%x, %w) : tensor<64x128xf32>
  %a = graph.mul(%h, %half) : tensor<64x128xf32>
  %b = graph.neg(%h) : tensor<64x128xf32>
  %c = graph.exp(%b) : tensor<64x128xf32>
  %d = graph.mul(%a, %c) : tensor<64x128xf32>
  %y = graph.matmul(%d, %w) : tensor<64x128xf32>
  %e = graph.mul(%y, %a) : tensor<64x128xf32>
  %f = graph.add(%e, %b) : tensor<64x128xf32>
  func.return(%f)
}
func.func @masks(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %p = graph.greater(%x, %zero) : tensor<64x128xi1>
  %q = graph.cast(%p) {dtype = f32} : tensor<64x128xf32>
  %a = graph.mul(%q, %x) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %q) : tensor<64x128xf32>
  func.return(%b)
}
// ----- after
// module {
//   func.func @normalized(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>, %mean: tensor<64x1xf32>, %scale: tensor<64x1xf32>, %dy: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<64xf32>) {
//     %h = graph.matmul(%x, %w) : tensor<64x128xf32>
//     %a = graph.sub(%h, %mean) : tensor<64x128xf32>
//     %b = graph.mul(%a, %scale) : tensor<64x128xf32>
//     %y = graph.matmul(%b, %w) : tensor<64x128xf32>
//     %a_1 = graph.sub(%h, %mean) : tensor<64x128xf32>
//     %c = graph.mul(%dy, %a_1) : tensor<64x128xf32>
//     %s = graph.reduce_sum(%c) {axes = [1]} : tensor<64xf32>
//     %d = graph.matmul(%dy, %w) : tensor<64x128xf32>
//     %a_2 = graph.sub(%h, %mean) : tensor<64x128xf32>
//     %b_1 = graph.mul(%a_2, %scale) : tensor<64x128xf32>
//     %e = graph.mul(%d, %b_1) : tensor<64x128xf32>
//     %f = graph.add(%e, %h) : tensor<64x128xf32>
//     %g = graph.mul(%y, %f) : tensor<64x128xf32>
//     func.return(%g, %s)
//   }
//   func.func @one_instead_of_two(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
//     %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
//     %h = graph.matmul(%x, %w) : tensor<64x128xf32>
//     %a = graph.mul(%h, %half) : tensor<64x128xf32>
//     %b = graph.neg(%h) : tensor<64x128xf32>
//     %c = graph.exp(%b) : tensor<64x128xf32>
//     %d = graph.mul(%a, %c) : tensor<64x128xf32>
//     %y = graph.matmul(%d, %w) : tensor<64x128xf32>
//     %a_1 = graph.mul(%h, %half) : tensor<64x128xf32>
//     %e = graph.mul(%y, %a_1) : tensor<64x128xf32>
//     %b_1 = graph.neg(%h) : tensor<64x128xf32>
//     %f = graph.add(%e, %b_1) : tensor<64x128xf32>
//     func.return(%f)
//   }
//   func.func @masks(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %p = graph.greater(%x, %zero) : tensor<64x128xi1>
//     %q = graph.cast(%p) {dtype = f32} : tensor<64x128xf32>
//     %a = graph.mul(%q, %x) : tensor<64x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<64x128xf32>
//     %p_1 = graph.greater(%x, %zero) : tensor<64x128xi1>
//     %q_1 = graph.cast(%p_1) {dtype = f32} : tensor<64x128xf32>
//     %b = graph.mul(%y, %q_1) : tensor<64x128xf32>
//     func.return(%b)
//   }
// }
