// netwright opt --pass fold-constants %s
func.func @arithmetic() -> (tensor<2xf32>, tensor<2x2xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2xi1>) {
  %a = graph.constant() {value = dense<[1.5, -0.0]> : tensor<2xf32>} : tensor<2xf32> loc("a")
  %b = graph.constant() {value = dense<[0x7FC00000, -0.0]> : tensor<2xf32>} : tensor<2xf32> loc("b")
  %m = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %i = graph.constant() {value = dense<[-7, 2147483647]> : tensor<2xi32>} : tensor<2xi32>
  %two = graph.constant() {value = dense<2> : tensor<2xi32>} : tensor<2xi32>
  %sum = graph.add(%a, %b) : tensor<2xf32> loc("sum")
  %product = graph.matmul(%m, %m) {transpose_y = true} : tensor<2x2xf32> loc("product")
  %wrapped = graph.add(%i, %two) : tensor<2xi32> loc("wrapped")
  %quotient = graph.div(%i, %two) : tensor<2xi32> loc("quotient")
  %integers = graph.mul(%wrapped, %quotient) : tensor<2xi32> loc("integers")
  %root = graph.sqrt(%a) : tensor<2xf32> loc("root")
  %less = graph.less(%a, %b) : tensor<2xi1> loc("less")
  func.return(%sum, %product, %integers, %root, %less)
}
func.func @inside(%p: tensor<i1>, %x: tensor<2xf32>) -> (tensor<2xf32>) {
  %a = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
  %y = graph.if(%p) ({
    %b = graph.neg(%a) : tensor<2xf32> loc("branch")
    %c = graph.add(%x, %b) : tensor<2xf32>
    graph.yield(%c)
  }, {
    graph.yield(%x)
  }) : tensor<2xf32>
  func.return(%y)
}
func.func @bfloat16() -> (tensor<2xf32>) {
  %a = graph.constant() {value = dense<[1.0, 1.0078125]> : tensor<2xbf16>} : tensor<2xbf16>
  %b = graph.constant() {value = dense<[3.0, 0.00390625]> : tensor<2xbf16>} : tensor<2xbf16>
  %c = graph.add(%a, %b) : tensor<2xbf16> loc("rounded once")
  %d = graph.cast(%c) {dtype = f32} : tensor<2xf32> loc("widened")
  func.return(%d)
}
func.func @splats() -> (tensor<1000x1000xf32>, tensor<1000000xf32>, tensor<1000x1000xf32>) {
  %a = graph.constant() {value = dense<2.0> : tensor<1000x1000xf32>} : tensor<1000x1000xf32>
  %b = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
  %c = graph.mul(%a, %b) : tensor<1000x1000xf32> loc("c")
  %d = graph.reshape(%c) {shape = [1000000]} : tensor<1000000xf32> loc("d")
  %e = graph.broadcast_to(%b) {shape = [1000, 1000]} : tensor<1000x1000xf32> loc("e")
  func.return(%c, %d, %e)
}
// ----- after
// module {
//   func.func @arithmetic() -> (tensor<2xf32>, tensor<2x2xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2xi1>) {
//     %sum = graph.constant() {value = dense<[0x7FC00000, -0.0]> : tensor<2xf32>} : tensor<2xf32> loc("sum")
//     %product = graph.constant() {value = dense<[[5.0, 11.0], [11.0, 25.0]]> : tensor<2x2xf32>} : tensor<2x2xf32> loc("product")
//     %integers = graph.constant() {value = dense<[15, -1073741825]> : tensor<2xi32>} : tensor<2xi32> loc("integers")
//     %root = graph.constant() {value = dense<[1.2247449, -0.0]> : tensor<2xf32>} : tensor<2xf32> loc("root")
//     %less = graph.constant() {value = dense<false> : tensor<2xi1>} : tensor<2xi1> loc("less")
//     func.return(%sum, %product, %integers, %root, %less)
//   }
//   func.func @inside(%p: tensor<i1>, %x: tensor<2xf32>) -> (tensor<2xf32>) {
//     %y = graph.if(%p) ({
//       %b = graph.constant() {value = dense<[-1.0, -2.0]> : tensor<2xf32>} : tensor<2xf32> loc("branch")
//       %c = graph.add(%x, %b) : tensor<2xf32>
//       graph.yield(%c)
//     }, {
//       graph.yield(%x)
//     }) : tensor<2xf32>
//     func.return(%y)
//   }
//   func.func @bfloat16() -> (tensor<2xf32>) {
//     %d = graph.constant() {value = dense<[4.0, 1.015625]> : tensor<2xf32>} : tensor<2xf32> loc("widened")
//     func.return(%d)
//   }
//   func.func @splats() -> (tensor<1000x1000xf32>, tensor<1000000xf32>, tensor<1000x1000xf32>) {
//     %c = graph.constant() {value = dense<-0.0> : tensor<1000x1000xf32>} : tensor<1000x1000xf32> loc("c")
//     %d = graph.constant() {value = dense<-0.0> : tensor<1000000xf32>} : tensor<1000000xf32> loc("d")
//     %e = graph.constant() {value = dense<-0.0> : tensor<1000x1000xf32>} : tensor<1000x1000xf32> loc("e")
//     func.return(%c, %d, %e)
//   }
// }
