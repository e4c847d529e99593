// netwright opt --pass canonicalize %s
func.func @inexact(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %negative = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
  %zero = graph.constant() {value = dense<0.0> : tensor<4xf32>} : tensor<4xf32>
  %a = graph.add(%x, %zero) : tensor<4xf32> loc("bias")
  %b = graph.sub(%x, %negative) : tensor<4xf32>
  %c = graph.mul(%x, %zero) : tensor<4xf32>
  %d = graph.sub(%x, %x) : tensor<4xf32>
  func.return(%a, %b, %c, %d)
}
func.func @shape(%x: tensor<1xf32>, %p: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>) {
  %one = graph.constant() {value = dense<1.0> : tensor<4xf32>} : tensor<4xf32>
  %a = graph.mul(%x, %one) : tensor<4xf32>
  %b = graph.select(%p, %x, %x) : tensor<4xf32>
  func.return(%a, %b)
}
func.func @mixed(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %some = graph.constant() {value = dense<[true, false]> : tensor<2xi1>} : tensor<2xi1>
  %nearly = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.select(%some, %x, %y) : tensor<2xf32>
  %b = graph.mul(%x, %nearly) : tensor<2xf32>
  func.return(%a, %b)
}
func.func @checked(%p: tensor<i1>, %x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<?xf32> {graph.dims = ["bcast(m, n)"]}) {
  %false = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
  %a = graph.select(%false, %x, %y) : tensor<?xf32> loc("same size")
  func.return(%a)
}
// ----- after
// module {
//   func.func @inexact(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
//     %negative = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
//     %zero = graph.constant() {value = dense<0.0> : tensor<4xf32>} : tensor<4xf32>
//     %a = graph.add(%x, %zero) : tensor<4xf32> loc("bias")
//     %b = graph.sub(%x, %negative) : tensor<4xf32>
//     %c = graph.mul(%x, %zero) : tensor<4xf32>
//     %d = graph.sub(%x, %x) : tensor<4xf32>
//     func.return(%a, %b, %c, %d)
//   }
//   func.func @shape(%x: tensor<1xf32>, %p: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>) {
//     %one = graph.constant() {value = dense<1.0> : tensor<4xf32>} : tensor<4xf32>
//     %a = graph.mul(%x, %one) : tensor<4xf32>
//     %b = graph.select(%p, %x, %x) : tensor<4xf32>
//     func.return(%a, %b)
//   }
//   func.func @mixed(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
//     %some = graph.constant() {value = dense<[true, false]> : tensor<2xi1>} : tensor<2xi1>
//     %nearly = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
//     %a = graph.select(%some, %x, %y) : tensor<2xf32>
//     %b = graph.mul(%x, %nearly) : tensor<2xf32>
//     func.return(%a, %b)
//   }
//   func.func @checked(%p: tensor<i1>, %x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<?xf32> {graph.dims = ["bcast(m, n)"]}) {
//     %false = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
//     %a = graph.select(%false, %x, %y) {requires = ["n == m or 1"]} : tensor<?xf32> loc("same size")
//     func.return(%a)
//   }
// }
// reason: graph.add (bias): x + 0.0 is not x where x is -0.0
