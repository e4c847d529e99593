// netwright opt --pass cse %s
module {
  graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
  graph.variable() {sym_name = "w", value = dense<2.0> : tensor<f32>}
  func.func @straight(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
    %a = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("r1")
    %b = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("r2")
    %c = graph.read_variable() {variable = @w, type = tensor<f32>} : tensor<f32> loc("r3")
    %s = graph.add(%a, %x) : tensor<f32>
    graph.assign_variable(%s) {variable = @v}
    graph.assign_variable(%s) {variable = @v}
    %d = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("r4")
    %e = graph.read_variable() {variable = @w, type = tensor<f32>} : tensor<f32> loc("r5")
    func.return(%a, %b, %c, %d, %e)
  }
  func.func @branch(%p: tensor<i1>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
    %a = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("before")
    %y = graph.if(%p) ({
      graph.assign_variable(%x) {variable = @v}
      %b = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("then")
      graph.yield(%b)
    }, {
      %c = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("else")
      graph.yield(%c)
    }) : tensor<f32>
    %d = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("after")
    func.return(%a, %y, %d)
  }
  func.func @loop(%x: tensor<f32>) -> (tensor<f32>) {
    %ten = graph.constant() {value = dense<10.0> : tensor<f32>} : tensor<f32>
    %a = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("first")
    %zero = graph.sub(%a, %a) : tensor<f32>
    %y = graph.while(%zero) ({
    ^bb0(%i: tensor<f32>):
      %c = graph.less(%i, %ten) : tensor<i1>
      graph.yield(%c)
    }, {
    ^bb0(%i: tensor<f32>):
      %r = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("each round")
      %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
      %s = graph.add(%r, %one) : tensor<f32>
      graph.assign_variable(%s) {variable = @v}
      %n = graph.add(%i, %one) : tensor<f32>
      graph.yield(%n)
    }) : tensor<f32>
    %d = graph.read_variable() {variable = @v, type = tensor<f32>} : tensor<f32> loc("at the end")
    func.return(%d)
  }
}
// ----- after
// module {
//   graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
//   graph.variable() {sym_name = "w", value = dense<2.0> : tensor<f32>}
//   func.func @straight(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
//     %a = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc(fused["r1", "r2"])
//     %c = graph.read_variable() {type = tensor<f32>, variable = @w} : tensor<f32> loc(fused["r3", "r5"])
//     %s = graph.add(%a, %x) : tensor<f32>
//     graph.assign_variable(%s) {variable = @v}
//     graph.assign_variable(%s) {variable = @v}
//     %d = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("r4")
//     func.return(%a, %a, %c, %d, %c)
//   }
//   func.func @branch(%p: tensor<i1>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
//     %a = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("before")
//     %y = graph.if(%p) ({
//       graph.assign_variable(%x) {variable = @v}
//       %b = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("then")
//       graph.yield(%b)
//     }, {
//       %c = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("else")
//       graph.yield(%c)
//     }) : tensor<f32>
//     %d = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("after")
//     func.return(%a, %y, %d)
//   }
//   func.func @loop(%x: tensor<f32>) -> (tensor<f32>) {
//     %ten = graph.constant() {value = dense<10.0> : tensor<f32>} : tensor<f32>
//     %a = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("first")
//     %zero = graph.sub(%a, %a) : tensor<f32>
//     %y = graph.while(%zero) ({
//     ^bb0(%i: tensor<f32>):
//       %c = graph.less(%i, %ten) : tensor<i1>
//       graph.yield(%c)
//     }, {
//     ^bb0(%i_1: tensor<f32>):
//       %r = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("each round")
//       %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
//       %s = graph.add(%r, %one) : tensor<f32>
//       graph.assign_variable(%s) {variable = @v}
//       %n = graph.add(%i_1, %one) : tensor<f32>
//       graph.yield(%n)
//     }) : tensor<f32>
//     %d = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("at the end")
//     func.return(%d)
//   }
// }
