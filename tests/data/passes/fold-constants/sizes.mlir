// netwright opt --pass fold-constants %s
func.func @shape(%x: tensor<?x?x3xf32> {graph.dims = ["n", "h", 3]}) -> (tensor<3xi32>, tensor<2xi64>, tensor<i32>, tensor<2xi32>, tensor<2xi32>, tensor<1xi32>) {
  %s = graph.shape(%x) : tensor<3xi32> loc("shape")
  %t = graph.slice(%s) {starts = [0], stops = [2], steps = [1]} : tensor<2xi32> loc("batch and height")
  %u = graph.cast(%t) {dtype = i64} : tensor<2xi64> loc("wide")
  %one = graph.constant() {value = dense<1> : tensor<1xi32>} : tensor<1xi32>
  %two = graph.constant() {value = dense<2> : tensor<i32>} : tensor<i32>
  %product = graph.reduce_prod(%s) {axes = [0]} : tensor<i32> loc("product")
  %last = graph.slice(%s) {starts = [2], stops = [3], steps = [1]} : tensor<1xi32> loc("last")
  %joined = graph.concat(%last, %one) {axis = 0} : tensor<2xi32> loc("joined")
  %half = graph.div(%t, %two) : tensor<2xi32> loc("half")
  %up = graph.add(%half, %one) : tensor<2xi32> loc("up")
  %index = graph.constant() {value = dense<[2]> : tensor<1xi32>} : tensor<1xi32>
  %channels = graph.gather(%s, %index) : tensor<1xi32> loc("channels")
  func.return(%s, %u, %product, %joined, %up, %channels)
}
func.func @decided(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<1xi1>, tensor<1xi1>, tensor<1xi1>, tensor<1xi32>, tensor<1xi1>, tensor<1xi32>) {
  %n = graph.shape(%x) : tensor<1xi32> loc("n")
  %m = graph.shape(%y) : tensor<1xi32> loc("m")
  %one = graph.constant() {value = dense<1> : tensor<1xi32>} : tensor<1xi32>
  %minus = graph.constant() {value = dense<-1> : tensor<1xi32>} : tensor<1xi32>
  %more = graph.add(%n, %one) : tensor<1xi32>
  %a = graph.less(%n, %more) : tensor<1xi1> loc("less")
  %b = graph.equal(%n, %minus) : tensor<1xi1> loc("equal")
  %c = graph.greater_equal(%n, %n) : tensor<1xi1> loc("itself")
  %d = graph.select(%b, %m, %more) : tensor<1xi32> loc("select")
  %e = graph.equal(%n, %m) : tensor<1xi1> loc("undecided")
  %f = graph.maximum(%n, %more) : tensor<1xi32> loc("maximum")
  func.return(%a, %b, %c, %d, %e, %f)
}
func.func @kept(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<1xi32>, tensor<1xi32>, tensor<1xi8>) {
  %n = graph.shape(%x) : tensor<1xi32> loc("n")
  %twenty = graph.constant() {value = dense<20> : tensor<1xi32>} : tensor<1xi32>
  %half = graph.constant() {value = dense<2> : tensor<1xi32>} : tensor<1xi32>
  %below = graph.sub(%n, %twenty) : tensor<1xi32>
  %a = graph.div(%below, %half) : tensor<1xi32> loc("below zero")
  %b = graph.div(%twenty, %n) : tensor<1xi32> loc("by zero")
  %c = graph.cast(%n) {dtype = i8} : tensor<1xi8> loc("may wrap")
  func.return(%a, %b, %c)
}
func.func @known(%x: tensor<2x3xf32>) -> (tensor<2xi32>, tensor<i64>) {
  %a = graph.shape(%x) : tensor<2xi32> loc("known")
  %b = graph.dims() {value = [7], shape = [], dtype = i64} : tensor<i64> loc("number")
  func.return(%a, %b)
}
// ----- after
// module {
//   func.func @shape(%x: tensor<?x?x3xf32> {graph.dims = ["n", "h", 3]}) -> (tensor<3xi32>, tensor<2xi64>, tensor<i32>, tensor<2xi32>, tensor<2xi32>, tensor<1xi32>) {
//     %s = graph.dims() {shape = [3], value = ["n", "h", 3]} : tensor<3xi32> loc("shape")
//     %u = graph.dims() {dtype = i64, shape = [2], value = ["n", "h"]} : tensor<2xi64> loc("wide")
//     %product = graph.dims() {shape = [], value = ["3*h*n"]} : tensor<i32> loc("product")
//     %joined = graph.constant() {value = dense<[3, 1]> : tensor<2xi32>} : tensor<2xi32> loc("joined")
//     %up = graph.dims() {shape = [2], value = ["floordiv(n, 2) + 1", "floordiv(h, 2) + 1"]} : tensor<2xi32> loc("up")
//     %channels = graph.constant() {value = dense<3> : tensor<1xi32>} : tensor<1xi32> loc("channels")
//     func.return(%s, %u, %product, %joined, %up, %channels)
//   }
//   func.func @decided(%x: tensor<?xf32> {graph.dims = ["n"]}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<1xi1>, tensor<1xi1>, tensor<1xi1>, tensor<1xi32>, tensor<1xi1>, tensor<1xi32>) {
//     %n = graph.dims() {shape = [1], value = ["n"]} : tensor<1xi32> loc("n")
//     %m = graph.dims() {shape = [1], value = ["m"]} : tensor<1xi32> loc("m")
//     %a = graph.constant() {value = dense<true> : tensor<1xi1>} : tensor<1xi1> loc("less")
//     %b = graph.constant() {value = dense<false> : tensor<1xi1>} : tensor<1xi1> loc("equal")
//     %c = graph.constant() {value = dense<true> : tensor<1xi1>} : tensor<1xi1> loc("itself")
//     %d = graph.dims() {shape = [1], value = ["n + 1"]} : tensor<1xi32> loc("select")
//     %e = graph.equal(%n, %m) : tensor<1xi1> loc("undecided")
//     %f = graph.dims() {shape = [1], value = ["n + 1"]} : tensor<1xi32> loc("maximum")
//     func.return(%a, %b, %c, %d, %e, %f)
//   }
//   func.func @kept(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<1xi32>, tensor<1xi32>, tensor<1xi8>) {
//     %n = graph.dims() {shape = [1], value = ["n"]} : tensor<1xi32> loc("n")
//     %twenty = graph.constant() {value = dense<20> : tensor<1xi32>} : tensor<1xi32>
//     %half = graph.constant() {value = dense<2> : tensor<1xi32>} : tensor<1xi32>
//     %below = graph.dims() {shape = [1], value = ["n - 20"]} : tensor<1xi32>
//     %a = graph.div(%below, %half) : tensor<1xi32> loc("below zero")
//     %b = graph.div(%twenty, %n) : tensor<1xi32> loc("by zero")
//     %c = graph.cast(%n) {dtype = i8} : tensor<1xi8> loc("may wrap")
//     func.return(%a, %b, %c)
//   }
//   func.func @known(%x: tensor<2x3xf32>) -> (tensor<2xi32>, tensor<i64>) {
//     %a = graph.constant() {value = dense<[2, 3]> : tensor<2xi32>} : tensor<2xi32> loc("known")
//     %b = graph.constant() {value = dense<7> : tensor<i64>} : tensor<i64> loc("number")
//     func.return(%a, %b)
//   }
// }
