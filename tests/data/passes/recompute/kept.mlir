// netwright opt --pass recompute %s
func.func @not_there_later(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %h = graph.matmul(%x, %w) : tensor<64x128xf32>
  %a = graph.mul(%h, %half) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %a) : tensor<64x128xf32>
  func.return(%b)
}
func.func @expensive(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %a = graph.exp(%x) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %a) : tensor<64x128xf32>
  func.return(%b)
}
func.func @of_two(%x: tensor<64x128xf32>, %z: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %a = graph.mul(%x, %z) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %a) : tensor<64x128xf32>
  func.return(%b)
}
func.func @needed_by_a_product(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>, tensor<64x128xf32>) {
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %a = graph.mul(%x, %half) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %a) : tensor<64x128xf32>
  %z = graph.matmul(%a, %w) : tensor<64x128xf32>
  func.return(%b, %z)
}
func.func @small(%x: tensor<6x128xf32>, %w: tensor<128x128xf32>) -> (tensor<6x128xf32>) {
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %a = graph.mul(%x, %half) : tensor<6x128xf32>
  %y = graph.matmul(%a, %w) : tensor<6x128xf32>
  %b = graph.mul(%y, %a) : tensor<6x128xf32>
  func.return(%b)
}
func.func @of_unknown_size(%x: tensor<?x128xf32> {graph.dims = ["n", 128]}, %w: tensor<128x128xf32>) -> (tensor<?x128xf32> {graph.dims = ["n", 128]}) {
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %a = graph.mul(%x, %half) : tensor<?x128xf32>
  %y = graph.matmul(%a, %w) : tensor<?x128xf32>
  %b = graph.mul(%y, %a) : tensor<?x128xf32>
  func.return(%b)
}
// ----- after
// module {
//   func.func @not_there_later(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
//     %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
//     %h = graph.matmul(%x, %w) : tensor<64x128xf32>
//     %a = graph.mul(%h, %half) : tensor<64x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<64x128xf32>
//     %b = graph.mul(%y, %a) : tensor<64x128xf32>
//     func.return(%b)
//   }
//   func.func @expensive(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
//     %a = graph.exp(%x) : tensor<64x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<64x128xf32>
//     %b = graph.mul(%y, %a) : tensor<64x128xf32>
//     func.return(%b)
//   }
//   func.func @of_two(%x: tensor<64x128xf32>, %z: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
//     %a = graph.mul(%x, %z) : tensor<64x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<64x128xf32>
//     %b = graph.mul(%y, %a) : tensor<64x128xf32>
//     func.return(%b)
//   }
//   func.func @needed_by_a_product(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>, tensor<64x128xf32>) {
//     %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
//     %a = graph.mul(%x, %half) : tensor<64x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<64x128xf32>
//     %b = graph.mul(%y, %a) : tensor<64x128xf32>
//     %z = graph.matmul(%a, %w) : tensor<64x128xf32>
//     func.return(%b, %z)
//   }
//   func.func @small(%x: tensor<6x128xf32>, %w: tensor<128x128xf32>) -> (tensor<6x128xf32>) {
//     %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
//     %a = graph.mul(%x, %half) : tensor<6x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<6x128xf32>
//     %b = graph.mul(%y, %a) : tensor<6x128xf32>
//     func.return(%b)
//   }
//   func.func @of_unknown_size(%x: tensor<?x128xf32> {graph.dims = ["n", 128]}, %w: tensor<128x128xf32>) -> (tensor<?x128xf32> {graph.dims = ["n", 128]}) {
//     %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
//     %a = graph.mul(%x, %half) : tensor<?x128xf32>
//     %y = graph.matmul(%a, %w) : tensor<?x128xf32>
//     %b = graph.mul(%y, %a) : tensor<?x128xf32>
//     func.return(%b)
//   }
// }
