// netwright opt --pass canonicalize %s
func.func @ones(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}) -> (tensor<?x3xf32> {graph.dims = ["n", 3]}) {
  %one = graph.constant() {value = dense<1.0> : tensor<3xf32>} : tensor<3xf32>
  %scalar = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
  %a = graph.mul(%x, %one) : tensor<?x3xf32>
  %b = graph.mul(%scalar, %a) : tensor<?x3xf32>
  %c = graph.div(%b, %one) : tensor<?x3xf32>
  func.return(%c)
}
func.func @zeros(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>) {
  %negative = graph.constant() {value = dense<-0.0> : tensor<f32>} : tensor<f32>
  %zero = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
  %none = graph.constant() {value = dense<0> : tensor<i32>} : tensor<i32>
  %a = graph.add(%x, %negative) : tensor<4xf32>
  %b = graph.sub(%a, %zero) : tensor<4xf32>
  %c = graph.exp(%x) : tensor<4xf32>
  %d = graph.add(%zero, %c) : tensor<4xf32>
  %e = graph.sub(%d, %negative) : tensor<4xf32>
  %f = graph.add(%i, %none) : tensor<4xi32>
  %g = graph.sub(%f, %none) : tensor<4xi32>
  func.return(%b, %e, %g)
}
func.func @twice(%x: tensor<4xf32>, %p: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>) {
  %a = graph.neg(%x) : tensor<4xf32>
  %b = graph.neg(%a) : tensor<4xf32>
  %c = graph.relu(%x) : tensor<4xf32>
  %d = graph.relu(%c) : tensor<4xf32>
  %e = graph.maximum(%x, %x) : tensor<4xf32>
  %f = graph.logical_not(%p) : tensor<4xi1>
  %g = graph.logical_not(%f) : tensor<4xi1>
  func.return(%b, %d, %e, %g)
}
func.func @logic(%p: tensor<4xi1>) -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %true = graph.constant() {value = dense<true> : tensor<4xi1>} : tensor<4xi1>
  %false = graph.constant() {value = dense<false> : tensor<4xi1>} : tensor<4xi1>
  %a = graph.logical_and(%p, %true) : tensor<4xi1>
  %b = graph.logical_and(%false, %p) : tensor<4xi1>
  %c = graph.logical_or(%p, %true) : tensor<4xi1>
  %d = graph.logical_or(%false, %p) : tensor<4xi1>
  func.return(%a, %b, %c, %d)
}
func.func @select(%p: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %true = graph.constant() {value = dense<true> : tensor<i1>} : tensor<i1>
  %false = graph.constant() {value = dense<false> : tensor<4xi1>} : tensor<4xi1>
  %a = graph.select(%true, %x, %y) : tensor<4xf32>
  %b = graph.select(%false, %x, %y) : tensor<4xf32>
  %c = graph.select(%p, %x, %x) : tensor<4xf32>
  func.return(%a, %b, %c)
}
func.func @right(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi1>) {
  %two = graph.constant() {value = dense<2.0> : tensor<f32>} : tensor<f32>
  %a = graph.mul(%two, %x) : tensor<4xf32>
  %b = graph.equal(%two, %a) : tensor<4xi1>
  func.return(%a, %b)
}
// ----- after
// module {
//   func.func @ones(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}) -> (tensor<?x3xf32> {graph.dims = ["n", 3]}) {
//     func.return(%x)
//   }
//   func.func @zeros(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>) {
//     %c = graph.exp(%x) : tensor<4xf32>
//     func.return(%x, %c, %i)
//   }
//   func.func @twice(%x: tensor<4xf32>, %p: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>) {
//     %c = graph.relu(%x) : tensor<4xf32>
//     func.return(%x, %c, %x, %p)
//   }
//   func.func @logic(%p: tensor<4xi1>) -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
//     %true = graph.constant() {value = dense<true> : tensor<4xi1>} : tensor<4xi1>
//     %false = graph.constant() {value = dense<false> : tensor<4xi1>} : tensor<4xi1>
//     func.return(%p, %false, %true, %p)
//   }
//   func.func @select(%p: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
//     func.return(%x, %y, %x)
//   }
//   func.func @right(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi1>) {
//     %two = graph.constant() {value = dense<2.0> : tensor<f32>} : tensor<f32>
//     %a = graph.mul(%x, %two) : tensor<4xf32>
//     %b = graph.equal(%a, %two) : tensor<4xi1>
//     func.return(%a, %b)
//   }
// }
