// netwright opt --pass canonicalize %s
func.func @reshape(%x: tensor<?x2x3xf32> {graph.dims = ["n", 2, 3]}) -> (tensor<?x6xf32> {graph.dims = ["n", 6]}, tensor<?x2x3xf32> {graph.dims = ["n", 2, 3]}) {
  %a = graph.reshape(%x) {shape = ["6*n"]} : tensor<?xf32> loc("a")
  %b = graph.reshape(%a) {shape = ["n", 3, 2]} : tensor<?x3x2xf32> loc("b")
  %c = graph.reshape(%b) {shape = ["n", 6]} : tensor<?x6xf32> loc("c")
  %d = graph.reshape(%c) {shape = ["n", 2, 3]} : tensor<?x2x3xf32> loc("d")
  func.return(%c, %d)
}
func.func @checked(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<?xf32> {graph.dims = ["n"]}) {
  %a = graph.reshape(%x) {shape = ["m", 1]} : tensor<?x1xf32> loc("a")
  %b = graph.reshape(%a) {shape = ["n"]} : tensor<?xf32> loc("b")
  func.return(%b)
}
func.func @transpose(%x: tensor<2x3x4xf32>) -> (tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %a = graph.transpose(%x) {permutation = [1, 2, 0]} : tensor<3x4x2xf32>
  %b = graph.transpose(%a) {permutation = [1, 2, 0]} : tensor<4x2x3xf32>
  %c = graph.transpose(%b) {permutation = [1, 2, 0]} : tensor<2x3x4xf32>
  %d = graph.transpose(%x) {permutation = [0, 1, 2]} : tensor<2x3x4xf32>
  func.return(%b, %c, %d)
}
func.func @broadcast(%x: tensor<3xf32>) -> (tensor<5x2x3xf32>, tensor<3xf32>) {
  %a = graph.broadcast_to(%x) {shape = [2, 3]} : tensor<2x3xf32>
  %b = graph.broadcast_to(%a) {shape = [5, 2, 3]} : tensor<5x2x3xf32>
  %c = graph.broadcast_to(%x) {shape = [3]} : tensor<3xf32>
  func.return(%b, %c)
}
func.func @parts(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}, %e: tensor<0x3xf32>) -> (tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["2*n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %a = graph.pad(%x, %zero) {low = [0, 0], high = [0, 0]} : tensor<?x3xf32>
  %b = graph.slice(%x) {starts = [0, 0], stops = ["n", 3], steps = [1, 1]} : tensor<?x3xf32>
  %c = graph.concat(%x) {axis = 1} : tensor<?x3xf32>
  %d = graph.concat(%x, %e, %x) {axis = 0} : tensor<?x3xf32>
  %f = graph.reduce_max(%x) {axes = []} : tensor<?x3xf32>
  func.return(%a, %b, %c, %d, %f)
}
func.func @kept(%x: tensor<4x3xf32>) -> (tensor<2x3xf32>, tensor<5x3xf32>, tensor<1x3xf32>) {
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %a = graph.slice(%x) {starts = [0, 0], stops = [4, 3], steps = [2, 1]} : tensor<2x3xf32>
  %b = graph.pad(%x, %zero) {low = [1, 0], high = [0, 0]} : tensor<5x3xf32>
  %c = graph.reduce_sum(%x) {axes = [0], keep_dims = true} : tensor<1x3xf32>
  func.return(%a, %b, %c)
}
// ----- after
// module {
//   func.func @reshape(%x: tensor<?x2x3xf32> {graph.dims = ["n", 2, 3]}) -> (tensor<?x6xf32> {graph.dims = ["n", 6]}, tensor<?x2x3xf32> {graph.dims = ["n", 2, 3]}) {
//     %c = graph.reshape(%x) {shape = ["n", 6]} : tensor<?x6xf32> loc(fused["a", "b", "c"])
//     func.return(%c, %x)
//   }
//   func.func @checked(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<?xf32> {graph.dims = ["n"]}) {
//     %b = graph.reshape(%x) {requires = ["n == m", "m == n"], shape = ["n"]} : tensor<?xf32> loc(fused["a", "b"])
//     func.return(%b)
//   }
//   func.func @transpose(%x: tensor<2x3x4xf32>) -> (tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
//     %b = graph.transpose(%x) {permutation = [2, 0, 1]} : tensor<4x2x3xf32>
//     func.return(%b, %x, %x)
//   }
//   func.func @broadcast(%x: tensor<3xf32>) -> (tensor<5x2x3xf32>, tensor<3xf32>) {
//     %b = graph.broadcast_to(%x) {shape = [5, 2, 3]} : tensor<5x2x3xf32>
//     func.return(%b, %x)
//   }
//   func.func @parts(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}, %e: tensor<0x3xf32>) -> (tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}, tensor<?x3xf32> {graph.dims = ["2*n", 3]}, tensor<?x3xf32> {graph.dims = ["n", 3]}) {
//     %d = graph.concat(%x, %x) {axis = 0} : tensor<?x3xf32>
//     func.return(%x, %x, %x, %d, %x)
//   }
//   func.func @kept(%x: tensor<4x3xf32>) -> (tensor<2x3xf32>, tensor<5x3xf32>, tensor<1x3xf32>) {
//     %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
//     %a = graph.slice(%x) {starts = [0, 0], steps = [2, 1], stops = [4, 3]} : tensor<2x3xf32>
//     %b = graph.pad(%x, %zero) {high = [0, 0], low = [1, 0]} : tensor<5x3xf32>
//     %c = graph.reduce_sum(%x) {axes = [0], keep_dims = true} : tensor<1x3xf32>
//     func.return(%a, %b, %c)
//   }
// }
// reason: graph.reshape (a + b): it also checks that n == m and m == n
