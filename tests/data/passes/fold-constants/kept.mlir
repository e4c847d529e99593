// netwright opt --pass fold-constants{max-bytes=1000} %s
func.func @fails(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xf32>) {
  %i = graph.constant() {value = dense<[1, 3]> : tensor<2xi32>} : tensor<2xi32>
  %zero = graph.constant() {value = dense<0> : tensor<2xi32>} : tensor<2xi32>
  %f = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
  %never = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
  %q, %g = graph.if(%never) ({
    %a = graph.div(%i, %zero) : tensor<2xi32> loc("division")
    %b = graph.gather(%f, %i) : tensor<2xf32> loc("lookup")
    graph.yield(%a, %b)
  }, {
    graph.yield(%x, %f)
  }) : tensor<2xi32>, tensor<2xf32>
  func.return(%q, %g)
}
func.func @large() -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<4x1xf32>) {
  %low = graph.constant() {value = dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>} : tensor<4x1xf32>
  %one = graph.constant() {value = dense<1.0> : tensor<1024x1024xf32>} : tensor<1024x1024xf32>
  %line = graph.constant() {value = dense<1.0> : tensor<1024x1xf32>} : tensor<1024x1xf32>
  %a = graph.concat(%low, %low, %low, %low) {axis = 0} : tensor<16x1xf32> loc("column")
  %b = graph.transpose(%a) {permutation = [1, 0]} : tensor<1x16xf32> loc("row")
  %c = graph.add(%a, %b) : tensor<16x16xf32> loc("table")
  %d = graph.broadcast_to(%a) {shape = [16, 16]} : tensor<16x16xf32> loc("repeated")
  %e = graph.matmul(%one, %line) : tensor<1024x1xf32> loc("written out")
  %f = graph.concat(%one, %one) {axis = 0} : tensor<2048x1024xf32> loc("too large")
  %g = graph.slice(%e) {starts = [0, 0], stops = [4, 1], steps = [1, 1]} : tensor<4x1xf32>
  func.return(%c, %d, %g)
}
func.func @symbolic(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<?xf32> {graph.dims = ["n"]}) {
  %a = graph.constant() {value = dense<1.0> : tensor<1xf32>} : tensor<1xf32>
  %b = graph.broadcast_to(%a) {shape = ["n"]} : tensor<?xf32>
  %c = graph.neg(%x) : tensor<?xf32>
  func.return(%b, %c)
}
// ----- after
// module {
//   func.func @fails(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xf32>) {
//     %i = graph.constant() {value = dense<[1, 3]> : tensor<2xi32>} : tensor<2xi32>
//     %zero = graph.constant() {value = dense<0> : tensor<2xi32>} : tensor<2xi32>
//     %f = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
//     %never = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
//     %q, %g = graph.if(%never) ({
//       %a = graph.div(%i, %zero) : tensor<2xi32> loc("division")
//       %b = graph.gather(%f, %i) : tensor<2xf32> loc("lookup")
//       graph.yield(%a, %b)
//     }, {
//       graph.yield(%x, %f)
//     }) : tensor<2xi32>, tensor<2xf32>
//     func.return(%q, %g)
//   }
//   func.func @large() -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<4x1xf32>) {
//     %one = graph.constant() {value = dense<1.0> : tensor<1024x1024xf32>} : tensor<1024x1024xf32>
//     %line = graph.constant() {value = dense<1.0> : tensor<1024x1xf32>} : tensor<1024x1xf32>
//     %a = graph.constant() {value = dense<[[1.0], [2.0], [3.0], [4.0], [1.0], [2.0], [3.0], [4.0], [1.0], [2.0], [3.0], [4.0], [1.0], [2.0], [3.0], [4.0]]> : tensor<16x1xf32>} : tensor<16x1xf32> loc("column")
//     %b = graph.constant() {value = dense<[[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]]> : tensor<1x16xf32>} : tensor<1x16xf32> loc("row")
//     %c = graph.add(%a, %b) : tensor<16x16xf32> loc("table")
//     %d = graph.broadcast_to(%a) {shape = [16, 16]} : tensor<16x16xf32> loc("repeated")
//     %e = graph.matmul(%one, %line) : tensor<1024x1xf32> loc("written out")
//     %f = graph.concat(%one, %one) {axis = 0} : tensor<2048x1024xf32> loc("too large")
//     %g = graph.slice(%e) {starts = [0, 0], steps = [1, 1], stops = [4, 1]} : tensor<4x1xf32>
//     func.return(%c, %d, %g)
//   }
//   func.func @symbolic(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<?xf32> {graph.dims = ["n"]}) {
//     %a = graph.constant() {value = dense<1.0> : tensor<1xf32>} : tensor<1xf32>
//     %b = graph.broadcast_to(%a) {shape = ["n"]} : tensor<?xf32>
//     %c = graph.neg(%x) : tensor<?xf32>
//     func.return(%b, %c)
//   }
// }
// reason: graph.div (division): it fails, which is left for run time: division: integer division by zero
// reason: graph.gather (lookup): it fails, which is left for run time: lookup: an index is outside of 0..1
// reason: graph.add (table): its result of 1024 bytes is larger than its operands and than max-bytes=1000
// reason: graph.broadcast_to (repeated): its result of 1024 bytes is larger than its operands and than max-bytes=1000
// reason: graph.matmul (written out): its result of 4096 bytes is larger than its operands and than max-bytes=1000
// reason: graph.concat (too large): its result of 8388608 bytes is larger than its operands and than max-bytes=1000
