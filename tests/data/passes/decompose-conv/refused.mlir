// netwright opt --pass decompose-conv %s
func.func @one_dimension(%x: tensor<1x8x6x2xf32>) -> (tensor<1x8x4x2xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<1x3x2x2xf32>} : tensor<1x3x2x2xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x8x4x2xf32> loc("row")
  func.return(%y)
}
func.func @one_pixel(%x: tensor<1x8x6x2xf32>) -> (tensor<1x8x6x2xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x2xf32>} : tensor<1x1x2x2xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x8x6x2xf32> loc("pointwise")
  func.return(%y)
}
func.func @computed(%x: tensor<1x8x6x2xf32>, %w: tensor<3x3x2x2xf32>) -> (tensor<1x6x4x2xf32>) {
  %y = graph.conv2d(%x, %w) : tensor<1x6x4x2xf32> loc("computed")
  func.return(%y)
}
func.func @slower(%x: tensor<1x4x4x1xf32>) -> (tensor<1x3x3x1xf32>) {
  %w = graph.constant() {value = dense<[[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]> : tensor<2x2x1x1xf32>} : tensor<2x2x1x1xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x3x3x1xf32> loc("slower")
  func.return(%y)
}
func.func @volume(%x: tensor<1x4x4x4x1xf32>) -> (tensor<1x3x3x3x1xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<2x2x2x1x1xf32>} : tensor<2x2x2x1x1xf32>
  %y = graph.conv3d(%x, %w) : tensor<1x3x3x3x1xf32> loc("volume")
  func.return(%y)
}
func.func @vector(%x: tensor<2x3xf32>) -> (tensor<2x1xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<3x1xf32>} : tensor<3x1xf32>
  %y = graph.matmul(%x, %w) : tensor<2x1xf32> loc("vector")
  func.return(%y)
}
// ----- after
// module attributes {graph.decompositions = [{cycles_after = 23, cycles_before = 23, decision = "kept", flops_after = 72, flops_before = 72, full_rank = 2, kernel = "2x2x1x1", layer = "slower", order = "", parameters_after = 4, parameters_before = 4, rank = 0, reason = "a pair of rank 1 takes 27 cycles, the layer 23", weight_error = 0.0}]} {
//   func.func @one_dimension(%x: tensor<1x8x6x2xf32>) -> (tensor<1x8x4x2xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<1x3x2x2xf32>} : tensor<1x3x2x2xf32>
//     %y = graph.conv2d(%x, %w) : tensor<1x8x4x2xf32> loc("row")
//     func.return(%y)
//   }
//   func.func @one_pixel(%x: tensor<1x8x6x2xf32>) -> (tensor<1x8x6x2xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<1x1x2x2xf32>} : tensor<1x1x2x2xf32>
//     %y = graph.conv2d(%x, %w) : tensor<1x8x6x2xf32> loc("pointwise")
//     func.return(%y)
//   }
//   func.func @computed(%x: tensor<1x8x6x2xf32>, %w: tensor<3x3x2x2xf32>) -> (tensor<1x6x4x2xf32>) {
//     %y = graph.conv2d(%x, %w) : tensor<1x6x4x2xf32> loc("computed")
//     func.return(%y)
//   }
//   func.func @slower(%x: tensor<1x4x4x1xf32>) -> (tensor<1x3x3x1xf32>) {
//     %w = graph.constant() {value = dense<[[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]> : tensor<2x2x1x1xf32>} : tensor<2x2x1x1xf32>
//     %y = graph.conv2d(%x, %w) : tensor<1x3x3x1xf32> loc("slower")
//     func.return(%y)
//   }
//   func.func @volume(%x: tensor<1x4x4x4x1xf32>) -> (tensor<1x3x3x3x1xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<2x2x2x1x1xf32>} : tensor<2x2x2x1x1xf32>
//     %y = graph.conv3d(%x, %w) : tensor<1x3x3x3x1xf32> loc("volume")
//     func.return(%y)
//   }
//   func.func @vector(%x: tensor<2x3xf32>) -> (tensor<2x1xf32>) {
//     %w = graph.constant() {value = dense<0.5> : tensor<3x1xf32>} : tensor<3x1xf32>
//     %y = graph.matmul(%x, %w) : tensor<2x1xf32> loc("vector")
//     func.return(%y)
//   }
// }
// reason: graph.conv2d (row): its kernel 1x3 has one dimension only
// reason: graph.conv2d (pointwise): its kernel 1x1 has one dimension only
// reason: graph.conv2d (computed): its weights are computed, not constant
// reason: graph.conv3d (volume): only two-dimensional convolutions that are not transposed are decomposed
// reason: graph.matmul (vector): its weights are a vector: their rank is 1
// reason: graph.conv2d (slower): a pair of rank 1 takes 27 cycles, the layer 23
