// netwright opt --pass cse %s
func.func @merged(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<?xf32> {graph.dims = ["n"]}) {
  %a = graph.add(%x, %y) : tensor<?xf32> loc("left")
  %b = graph.add(%y, %x) : tensor<?xf32> loc("right")
  %c = graph.exp(%a) : tensor<?xf32> loc("e1")
  %d = graph.exp(%b) : tensor<?xf32> loc("e2")
  %e = graph.sub(%x, %y) : tensor<?xf32> loc("s1")
  %f = graph.sub(%y, %x) : tensor<?xf32> loc("s2")
  %g = graph.mul(%c, %e) : tensor<?xf32>
  %h = graph.mul(%d, %f) : tensor<?xf32>
  func.return(%g, %h)
}
func.func @constants() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %a = graph.constant() {value = dense<[0.0, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("a")
  %b = graph.constant() {value = dense<[-0.0, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("b")
  %c = graph.constant() {value = dense<[0.0, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("c")
  %d = graph.constant() {value = dense<[0, 1]> : tensor<2xi32>} : tensor<2xi32> loc("d")
  %e = graph.constant() {value = dense<[0x7FC00000, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("e")
  %f = graph.constant() {value = dense<[0x7FC00001, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("f")
  %g = graph.constant() {value = dense<[0x7FC00000, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("g")
  func.return(%a, %b, %c, %d, %e, %f, %g)
}
func.func @attributes(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf16>, tensor<4xf64>) {
  %a = graph.leaky_relu(%x) {alpha = 0.0} : tensor<4xf32> loc("a")
  %b = graph.leaky_relu(%x) {alpha = -0.0} : tensor<4xf32> loc("b")
  %c = graph.leaky_relu(%x) {alpha = 0.2} : tensor<4xf32> loc("c")
  %d = graph.leaky_relu(%x) : tensor<4xf32> loc("d")
  %e = graph.add(%c, %d) : tensor<4xf32> loc("e")
  %f = graph.cast(%x) {dtype = f16} : tensor<4xf16> loc("f")
  %g = graph.cast(%x) {dtype = f64} : tensor<4xf64> loc("g")
  func.return(%a, %b, %e, %f, %g)
}
// ----- after
// module {
//   func.func @merged(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<?xf32> {graph.dims = ["n"]}) {
//     %a = graph.add(%x, %y) : tensor<?xf32> loc(fused["left", "right"])
//     %c = graph.exp(%a) : tensor<?xf32> loc(fused["e1", "e2"])
//     %e = graph.sub(%x, %y) : tensor<?xf32> loc("s1")
//     %f = graph.sub(%y, %x) : tensor<?xf32> loc("s2")
//     %g = graph.mul(%c, %e) : tensor<?xf32>
//     %h = graph.mul(%c, %f) : tensor<?xf32>
//     func.return(%g, %h)
//   }
//   func.func @constants() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
//     %a = graph.constant() {value = dense<[0.0, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("a")
//     %b = graph.constant() {value = dense<[-0.0, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("b")
//     %d = graph.constant() {value = dense<[0, 1]> : tensor<2xi32>} : tensor<2xi32> loc("d")
//     %e = graph.constant() {value = dense<[0x7FC00000, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("e")
//     %f = graph.constant() {value = dense<[0x7FC00001, 1.0]> : tensor<2xf32>} : tensor<2xf32> loc("f")
//     func.return(%a, %b, %a, %d, %e, %f, %e)
//   }
//   func.func @attributes(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf16>, tensor<4xf64>) {
//     %a = graph.leaky_relu(%x) {alpha = 0.0} : tensor<4xf32> loc("a")
//     %b = graph.leaky_relu(%x) {alpha = -0.0} : tensor<4xf32> loc("b")
//     %c = graph.leaky_relu(%x) : tensor<4xf32> loc(fused["c", "d"])
//     %e = graph.add(%c, %c) : tensor<4xf32> loc("e")
//     %f = graph.cast(%x) {dtype = f16} : tensor<4xf16> loc("f")
//     %g = graph.cast(%x) {dtype = f64} : tensor<4xf64> loc("g")
//     func.return(%a, %b, %e, %f, %g)
//   }
// }
