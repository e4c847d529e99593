// netwright opt --pass canonicalize %s
module {
  graph.variable() {sym_name = "count", value = dense<0.0> : tensor<f32>}
  func.func @if(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<f32>) {
    %true = graph.constant() {value = dense<true> : tensor<i1>} : tensor<i1>
    %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
    %y, %z = graph.if(%true) ({
      %a = graph.exp(%x) : tensor<?xf32>
      %c = graph.read_variable() {variable = @count, type = tensor<f32>} : tensor<f32>
      %d = graph.add(%c, %one) : tensor<f32>
      graph.assign_variable(%d) {variable = @count}
      %b = graph.if(%true) ({
        %e = graph.neg(%a) : tensor<?xf32>
        graph.yield(%e)
      }, {
        graph.yield(%a)
      }) : tensor<?xf32>
      graph.yield(%b, %d)
    }, {
      graph.assign_variable(%one) {variable = @count}
      graph.yield(%x, %one)
    }) : tensor<?xf32>, tensor<f32>
    func.return(%y, %z)
  }
  func.func @while(%x: tensor<f32>) -> (tensor<f32>) {
    %y = graph.while(%x) ({
    ^bb0(%a: tensor<f32>):
      graph.assign_variable(%a) {variable = @count}
      %false = graph.constant() {value = dense<false> : tensor<i1>} : tensor<i1>
      graph.yield(%false)
    }, {
    ^bb0(%a: tensor<f32>):
      %b = graph.exp(%a) : tensor<f32>
      graph.yield(%b)
    }) : tensor<f32>
    func.return(%y)
  }
  func.func @kept(%p: tensor<i1>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %ten = graph.constant() {value = dense<10.0> : tensor<f32>} : tensor<f32>
    %y = graph.if(%p) ({
      graph.yield(%x)
    }, {
      %a = graph.neg(%x) : tensor<f32>
      graph.yield(%a)
    }) : tensor<f32>
    %unused = graph.if(%p) ({
      graph.assign_variable(%x) {variable = @count}
      graph.yield(%x)
    }, {
      graph.yield(%x)
    }) : tensor<f32>
    %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
    %z = graph.while(%one) ({
    ^bb0(%a: tensor<f32>):
      %c = graph.less(%a, %ten) : tensor<i1>
      graph.yield(%c)
    }, {
    ^bb0(%a: tensor<f32>):
      %b = graph.add(%one, %a) : tensor<f32>
      graph.yield(%b)
    }) : tensor<f32>
    func.return(%y, %z)
  }
}
// ----- after
// module {
//   graph.variable() {sym_name = "count", value = dense<0.0> : tensor<f32>}
//   func.func @if(%x: tensor<?xf32> {graph.dims = ["n"]}) -> (tensor<?xf32> {graph.dims = ["n"]}, tensor<f32>) {
//     %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
//     %a = graph.exp(%x) : tensor<?xf32>
//     %c = graph.read_variable() {type = tensor<f32>, variable = @count} : tensor<f32>
//     %d = graph.add(%c, %one) : tensor<f32>
//     graph.assign_variable(%d) {variable = @count}
//     %e = graph.neg(%a) : tensor<?xf32>
//     func.return(%e, %d)
//   }
//   func.func @while(%x: tensor<f32>) -> (tensor<f32>) {
//     graph.assign_variable(%x) {variable = @count}
//     func.return(%x)
//   }
//   func.func @kept(%p: tensor<i1>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
//     %ten = graph.constant() {value = dense<10.0> : tensor<f32>} : tensor<f32>
//     %y = graph.if(%p) ({
//       graph.yield(%x)
//     }, {
//       %a = graph.neg(%x) : tensor<f32>
//       graph.yield(%a)
//     }) : tensor<f32>
//     %unused = graph.if(%p) ({
//       graph.assign_variable(%x) {variable = @count}
//       graph.yield(%x)
//     }, {
//       graph.yield(%x)
//     }) : tensor<f32>
//     %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
//     %z = graph.while(%one) ({
//     ^bb0(%a_1: tensor<f32>):
//       %c = graph.less(%a_1, %ten) : tensor<i1>
//       graph.yield(%c)
//     }, {
//     ^bb0(%a_2: tensor<f32>):
//       %b = graph.add(%a_2, %one) : tensor<f32>
//       graph.yield(%b)
//     }) : tensor<f32>
//     func.return(%y, %z)
//   }
// }
