// netwright opt --pass canonicalize %s
func.func @twice(%x: tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}) -> (tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}, tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}) {
  %a = graph.reverse(%x) {axes = [0, 1]} : tensor<?x3x4xf32> loc("a")
  %b = graph.reverse(%a) {axes = [-1, 0]} : tensor<?x3x4xf32> loc("b")
  %c = graph.reverse(%b) {axes = [2, 1]} : tensor<?x3x4xf32> loc("c")
  func.return(%b, %c)
}
func.func @short(%x: tensor<1x3xf32>) -> (tensor<1x3xf32>, tensor<1x3xf32>) {
  %a = graph.reverse(%x) {axes = [0]} : tensor<1x3xf32>
  %b = graph.reverse(%x) {axes = [0, 1]} : tensor<1x3xf32>
  func.return(%a, %b)
}
// ----- after
// module {
//   func.func @twice(%x: tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}) -> (tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}, tensor<?x3x4xf32> {graph.dims = ["n", 3, 4]}) {
//     %b = graph.reverse(%x) {axes = [1, 2]} : tensor<?x3x4xf32> loc(fused["a", "b"])
//     func.return(%b, %x)
//   }
//   func.func @short(%x: tensor<1x3xf32>) -> (tensor<1x3xf32>, tensor<1x3xf32>) {
//     %b = graph.reverse(%x) {axes = [1]} : tensor<1x3xf32>
//     func.return(%x, %b)
//   }
// }
