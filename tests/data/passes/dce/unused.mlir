// netwright opt --pass dce %s
module {
  graph.variable() {sym_name = "never read", value = dense<1.0> : tensor<f32>}
  graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
  func.func @main(%p: tensor<i1>, %x: tensor<4xf32>, %s: tensor<f32>) -> (tensor<4xf32>) {
    %a = graph.exp(%x) : tensor<4xf32>
    %b = graph.exp(%a) : tensor<4xf32>
    %c = graph.exp(%b) : tensor<4xf32>
    %r = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32>
    %unused = graph.if(%p) ({
      %d = graph.neg(%c) : tensor<4xf32>
      graph.yield(%d)
    }, {
      graph.yield(%x)
    }) : tensor<4xf32>
    %effect = graph.if(%p) ({
      %e = graph.neg(%c) : tensor<4xf32>
      graph.assign_variable(%s) {variable = @v}
      graph.yield(%x)
    }, {
      graph.yield(%x)
    }) : tensor<4xf32>
    %y = graph.if(%p) ({
      %f = graph.neg(%a) : tensor<4xf32>
      %g = graph.neg(%a) : tensor<4xf32>
      graph.yield(%f)
    }, {
      graph.yield(%x)
    }) : tensor<4xf32>
    func.return(%y)
  }
}
// ----- after
// module {
//   graph.variable() {sym_name = "never read", value = dense<1.0> : tensor<f32>}
//   graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
//   func.func @main(%p: tensor<i1>, %x: tensor<4xf32>, %s: tensor<f32>) -> (tensor<4xf32>) {
//     %a = graph.exp(%x) : tensor<4xf32>
//     %effect = graph.if(%p) ({
//       graph.assign_variable(%s) {variable = @v}
//       graph.yield(%x)
//     }, {
//       graph.yield(%x)
//     }) : tensor<4xf32>
//     %y = graph.if(%p) ({
//       %f = graph.neg(%a) : tensor<4xf32>
//       graph.yield(%f)
//     }, {
//       graph.yield(%x)
//     }) : tensor<4xf32>
//     func.return(%y)
//   }
// }
