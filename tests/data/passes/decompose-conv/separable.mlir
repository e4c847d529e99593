// netwright opt --pass decompose-conv{force=true} %s
func.func @strided(%x: tensor<?x?x?x4xf32> {graph.dims = ["n", "h", "w", 4]}) -> (tensor<?x?x?x6xf32> {graph.dims = ["n", "floordiv(h + 1, 2)", "floordiv(w + 2, 3)", 6]}) {
  %w = graph.constant() {value = dense<0.5> : tensor<3x5x4x6xf32>} : tensor<3x5x4x6xf32>
  %y = graph.conv2d(%x, %w) {padding = "SAME", strides = [2, 3]} : tensor<?x?x?x6xf32> loc("strided")
  func.return(%y)
}
func.func @grouped(%x: tensor<?x9x9x4xf32> {graph.dims = ["n", 9, 9, 4]}) -> (tensor<?x8x14x8xf32> {graph.dims = ["n", 8, 14, 8]}) {
  %w = graph.constant() {value = dense<0.5> : tensor<3x2x2x8xf32>} : tensor<3x2x2x8xf32>
  %b = graph.constant() {value = dense<2.0> : tensor<8xf32>} : tensor<8xf32>
  %y = graph.conv2d(%x, %w) {dilations = [2, 1], padding = "EXPLICIT", pads = [1, 2, 0, 6]} : tensor<?x8x14x8xf32> loc("grouped")
  %z = graph.add(%y, %b) : tensor<?x8x14x8xf32>
  %r = graph.relu(%z) : tensor<?x8x14x8xf32>
  func.return(%r)
}
func.func @dense(%x: tensor<?x20xf32> {graph.dims = ["n", 20]}) -> (tensor<?x24xf32> {graph.dims = ["n", 24]}) {
  %w = graph.constant() {value = dense<0.25> : tensor<24x20xf32>} : tensor<24x20xf32>
  %y = graph.matmul(%x, %w) {transpose_y = true} : tensor<?x24xf32> loc("dense")
  func.return(%y)
}
// ----- after
// module attributes {graph.decompositions = [{cycles_after = 7910, cycles_before = 25080, decision = "decomposed", flops_after = 81664, flops_before = 506880, full_rank = 18, kernel = "3x5x4x6", layer = "strided", order = "1x5, 3x1", parameters_after = 38, parameters_before = 360, rank = 1, reason = "rank 1 of 18, error 0: 7.9k cycles instead of 25k", weight_error = 0.0}, {cycles_after = 794, cycles_before = 1568, decision = "decomposed", flops_after = 5312, flops_before = 21504, full_rank = 6, kernel = "3x2x2x8 of 2 groups", layer = "grouped", order = "3x1, 1x2", parameters_after = 28, parameters_before = 96, rank = 1, reason = "rank 1 of 6, error 0: 794 cycles instead of 1.6k", weight_error = 0.0}, {cycles_after = 29, cycles_before = 320, decision = "decomposed", flops_after = 88, flops_before = 960, full_rank = 20, kernel = "20x24", layer = "dense", order = "two products", parameters_after = 44, parameters_before = 480, rank = 1, reason = "rank 1 of 20, error 0: 29 cycles instead of 320", weight_error = 0.0}]} {
//   func.func @strided(%x: tensor<?x?x?x4xf32> {graph.dims = ["n", "h", "w", 4]}) -> (tensor<?x?x?x6xf32> {graph.dims = ["n", "floordiv(h + 1, 2)", "floordiv(w + 2, 3)", 6]}) {
//     %w = graph.constant() {value = dense<0.68872464> : tensor<1x5x4x1xf32>} : tensor<1x5x4x1xf32> loc("strided")
//     %w_1 = graph.constant() {value = dense<0.7259795> : tensor<3x1x1x6xf32>} : tensor<3x1x1x6xf32> loc("strided")
//     %0 = graph.conv2d(%x, %w) {error_bound = 0.0, padding = "SAME", strides = [1, 3]} : tensor<?x?x?x1xf32> loc("strided")
//     %y = graph.conv2d(%0, %w_1) {error_bound = 0.0, padding = "SAME", strides = [2, 1]} : tensor<?x?x?x6xf32> loc("strided")
//     func.return(%y)
//   }
//   func.func @grouped(%x: tensor<?x9x9x4xf32> {graph.dims = ["n", 9, 9, 4]}) -> (tensor<?x8x14x8xf32> {graph.dims = ["n", 8, 14, 8]}) {
//     %b = graph.constant() {value = dense<2.0> : tensor<8xf32>} : tensor<8xf32>
//     %w = graph.constant() {value = dense<0.75983566> : tensor<3x1x2x2xf32>} : tensor<3x1x2x2xf32> loc("grouped")
//     %w_1 = graph.constant() {value = dense<0.658037> : tensor<1x2x1x8xf32>} : tensor<1x2x1x8xf32> loc("grouped")
//     %0 = graph.conv2d(%x, %w) {dilations = [2, 1], error_bound = 0.0, padding = "EXPLICIT", pads = [1, 2, 0, 0]} : tensor<?x8x9x2xf32> loc("grouped")
//     %y = graph.conv2d(%0, %w_1) {error_bound = 0.0, padding = "EXPLICIT", pads = [0, 0, 0, 6]} : tensor<?x8x14x8xf32> loc("grouped")
//     %z = graph.add(%y, %b) : tensor<?x8x14x8xf32>
//     %r = graph.relu(%z) : tensor<?x8x14x8xf32>
//     func.return(%r)
//   }
//   func.func @dense(%x: tensor<?x20xf32> {graph.dims = ["n", 20]}) -> (tensor<?x24xf32> {graph.dims = ["n", 24]}) {
//     %w = graph.constant() {value = dense<0.5233176> : tensor<20x1xf32>} : tensor<20x1xf32> loc("dense")
//     %w_1 = graph.constant() {value = dense<0.4777214> : tensor<1x24xf32>} : tensor<1x24xf32> loc("dense")
//     %0 = graph.matmul(%x, %w) {error_bound = 0.0} : tensor<?x1xf32> loc("dense")
//     %y = graph.matmul(%0, %w_1) {error_bound = 0.0} : tensor<?x24xf32> loc("dense")
//     func.return(%y)
//   }
// }
