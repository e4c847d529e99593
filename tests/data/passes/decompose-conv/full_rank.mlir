// netwright opt --pass decompose-conv{rank=2 force=true} %s
func.func @identity(%x: tensor<1x4x4x1xf32>) -> (tensor<1x3x3x1xf32>) {
  %w = graph.constant() {value = dense<[[[[1.0]], [[0.0]]], [[[0.0]], [[4.0]]]]> : tensor<2x2x1x1xf32>} : tensor<2x2x1x1xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x3x3x1xf32> loc("identity")
  func.return(%y)
}
// ----- after
// module attributes {graph.decompositions = [{cycles_after = 38, cycles_before = 23, decision = "decomposed", flops_after = 168, flops_before = 72, full_rank = 2, kernel = "2x2x1x1", layer = "identity", order = "1x2, 2x1", parameters_after = 8, parameters_before = 4, rank = 2, reason = "rank 2 of 2, error 0: 38 cycles instead of 23", weight_error = 0.0}]} {
//   func.func @identity(%x: tensor<1x4x4x1xf32>) -> (tensor<1x3x3x1xf32>) {
//     %w = graph.constant() {value = dense<[[[[0.0, 1.0]], [[2.0, 0.0]]]]> : tensor<1x2x1x2xf32>} : tensor<1x2x1x2xf32> loc("identity")
//     %w_1 = graph.constant() {value = dense<[[[[0.0], [1.0]]], [[[2.0], [0.0]]]]> : tensor<2x1x2x1xf32>} : tensor<2x1x2x1xf32> loc("identity")
//     %0 = graph.conv2d(%x, %w) {error_bound = 0.0} : tensor<1x4x3x2xf32> loc("identity")
//     %y = graph.conv2d(%0, %w_1) {error_bound = 0.0} : tensor<1x3x3x1xf32> loc("identity")
//     func.return(%y)
//   }
// }
