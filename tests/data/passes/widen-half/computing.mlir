// netwright opt --pass widen-half %s
func.func @main(%x: tensor<?x4xf16> {graph.dims = ["n", 4]}, %p: tensor<?x4xi1> {graph.dims = ["n", 4]}, %z: tensor<2xbf16>) -> (tensor<?x4xf16> {graph.dims = ["n", 4]}, tensor<4x?xf16> {graph.dims = [4, "n"]}, tensor<i64>, tensor<2xf32>) {
  %c = graph.constant() {value = dense<1.5> : tensor<f16>} : tensor<f16>
  %a = graph.add(%x, %c) : tensor<?x4xf16> loc("computes")
  %b = graph.relu(%a) : tensor<?x4xf16> loc("rounds before")
  %s = graph.select(%p, %b, %x) : tensor<?x4xf16> loc("moves")
  %t = graph.transpose(%x) {permutation = [1, 0]} : tensor<4x?xf16> loc("moves as well")
  %i = graph.arg_max(%z) {axis = 0} : tensor<i64> loc("gives no half")
  %f = graph.cast(%z) {dtype = f32} : tensor<2xf32> loc("is a cast")
  func.return(%s, %t, %i, %f)
}
// ----- after
// module {
//   func.func @main(%x: tensor<?x4xf16> {graph.dims = ["n", 4]}, %p: tensor<?x4xi1> {graph.dims = ["n", 4]}, %z: tensor<2xbf16>) -> (tensor<?x4xf16> {graph.dims = ["n", 4]}, tensor<4x?xf16> {graph.dims = [4, "n"]}, tensor<i64>, tensor<2xf32>) {
//     %c = graph.constant() {value = dense<1.5> : tensor<f16>} : tensor<f16>
//     %0 = graph.cast(%x) {dtype = f32} : tensor<?x4xf32> loc("computes")
//     %c_1 = graph.constant() {value = dense<1.5> : tensor<f32>} : tensor<f32> loc("computes")
//     %1 = graph.add(%0, %c_1) : tensor<?x4xf32> loc("computes")
//     %a = graph.cast(%1) {dtype = f16} : tensor<?x4xf16> loc("computes")
//     %2 = graph.cast(%a) {dtype = f32} : tensor<?x4xf32> loc("rounds before")
//     %3 = graph.relu(%2) : tensor<?x4xf32> loc("rounds before")
//     %b = graph.cast(%3) {dtype = f16} : tensor<?x4xf16> loc("rounds before")
//     %s = graph.select(%p, %b, %x) : tensor<?x4xf16> loc("moves")
//     %t = graph.transpose(%x) {permutation = [1, 0]} : tensor<4x?xf16> loc("moves as well")
//     %4 = graph.cast(%z) {dtype = f32} : tensor<2xf32> loc("gives no half")
//     %i = graph.arg_max(%4) {axis = 0} : tensor<i64> loc("gives no half")
//     %f = graph.cast(%z) {dtype = f32} : tensor<2xf32> loc("is a cast")
//     func.return(%s, %t, %i, %f)
//   }
// }
