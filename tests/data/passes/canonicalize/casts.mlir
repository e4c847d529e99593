// netwright opt --pass canonicalize %s
func.func @exact(%i: tensor<4xi8>, %h: tensor<4xf16>, %p: tensor<4xi1>, %x: tensor<4xf32>) -> (tensor<4xi64>, tensor<4xi8>, tensor<4xf16>, tensor<4xi32>, tensor<4xf64>, tensor<4xf32>) {
  %a = graph.cast(%i) {dtype = i32} : tensor<4xi32> loc("a")
  %b = graph.cast(%a) {dtype = i64} : tensor<4xi64> loc("b")
  %c = graph.cast(%b) {dtype = i8} : tensor<4xi8> loc("c")
  %d = graph.cast(%h) {dtype = f32} : tensor<4xf32> loc("d")
  %e = graph.cast(%d) {dtype = f16} : tensor<4xf16> loc("e")
  %f = graph.cast(%p) {dtype = f32} : tensor<4xf32> loc("f")
  %g = graph.cast(%f) {dtype = i32} : tensor<4xi32> loc("g")
  %h2 = graph.cast(%i) {dtype = f32} : tensor<4xf32> loc("h")
  %j = graph.cast(%h2) {dtype = f64} : tensor<4xf64> loc("j")
  %k = graph.cast(%x) {dtype = f32} : tensor<4xf32> loc("k")
  func.return(%b, %c, %e, %g, %j, %k)
}
func.func @kept(%i: tensor<4xi32>, %x: tensor<4xf32>, %u: tensor<4xui8>) -> (tensor<4xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xui8>) {
  %a = graph.cast(%i) {dtype = f32} : tensor<4xf32> loc("a")
  %b = graph.cast(%a) {dtype = i32} : tensor<4xi32> loc("b")
  %c = graph.cast(%x) {dtype = f16} : tensor<4xf16> loc("c")
  %d = graph.cast(%c) {dtype = f32} : tensor<4xf32> loc("d")
  %e = graph.cast(%x) {dtype = i32} : tensor<4xi32> loc("e")
  %f = graph.cast(%e) {dtype = f32} : tensor<4xf32> loc("f")
  %g = graph.cast(%u) {dtype = i8} : tensor<4xi8> loc("g")
  %h = graph.cast(%g) {dtype = ui8} : tensor<4xui8> loc("h")
  func.return(%b, %d, %f, %h)
}
// ----- after
// module {
//   func.func @exact(%i: tensor<4xi8>, %h: tensor<4xf16>, %p: tensor<4xi1>, %x: tensor<4xf32>) -> (tensor<4xi64>, tensor<4xi8>, tensor<4xf16>, tensor<4xi32>, tensor<4xf64>, tensor<4xf32>) {
//     %b = graph.cast(%i) {dtype = i64} : tensor<4xi64> loc(fused["a", "b"])
//     %g = graph.cast(%p) {dtype = i32} : tensor<4xi32> loc(fused["f", "g"])
//     %j = graph.cast(%i) {dtype = f64} : tensor<4xf64> loc(fused["h", "j"])
//     func.return(%b, %i, %h, %g, %j, %x)
//   }
//   func.func @kept(%i: tensor<4xi32>, %x: tensor<4xf32>, %u: tensor<4xui8>) -> (tensor<4xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xui8>) {
//     %a = graph.cast(%i) {dtype = f32} : tensor<4xf32> loc("a")
//     %b = graph.cast(%a) {dtype = i32} : tensor<4xi32> loc("b")
//     %c = graph.cast(%x) {dtype = f16} : tensor<4xf16> loc("c")
//     %d = graph.cast(%c) {dtype = f32} : tensor<4xf32> loc("d")
//     %e = graph.cast(%x) {dtype = i32} : tensor<4xi32> loc("e")
//     %f = graph.cast(%e) {dtype = f32} : tensor<4xf32> loc("f")
//     %g = graph.cast(%u) {dtype = i8} : tensor<4xi8> loc("g")
//     %h = graph.cast(%g) {dtype = ui8} : tensor<4xui8> loc("h")
//     func.return(%b, %d, %f, %h)
//   }
// }
// reason: graph.cast (b): the cast by way of float32 loses what int32 holds
// reason: graph.cast (d): the cast by way of float16 loses what float32 holds
// reason: graph.cast (f): the cast by way of int32 loses what float32 holds
// reason: graph.cast (h): the cast by way of int8 loses what uint8 holds
