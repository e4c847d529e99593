// netwright opt --pass fold-batch-norm %s
func.func @users(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %one = graph.constant() {value = dense<[1.0, 1.5]> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
  %b = graph.batch_norm(%a, %one, %one, %one, %one) : tensor<2x2xf32> loc("bn")
  %c = graph.exp(%a) : tensor<2x2xf32> loc("exp")
  %d = graph.mul(%x, %one) : tensor<2x2xf32> loc("no product")
  func.return(%b, %c, %d)
}
func.func @computed(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>, %v: tensor<2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %known = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %one = graph.constant() {value = dense<[1.0, 1.5]> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("weights")
  %b = graph.batch_norm(%a, %one, %one, %one, %one) : tensor<2x2xf32> loc("bn of computed weights")
  %c = graph.matmul(%x, %known) : tensor<2x2xf32> loc("dense")
  %d = graph.batch_norm(%c, %one, %one, %one, %v) : tensor<2x2xf32> loc("training")
  %e = graph.matmul(%known, %x) : tensor<2x2xf32> loc("other side")
  %f = graph.mul(%e, %one) : tensor<2x2xf32> loc("scale")
  func.return(%b, %d, %f)
}
func.func @fit(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<3x2x2xf32>, tensor<2x4xf32>) {
  %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %w1 = graph.constant() {value = dense<[[1.0], [3.0]]> : tensor<2x1xf32>} : tensor<2x1xf32>
  %row = graph.constant() {value = dense<[[1.0], [2.0]]> : tensor<2x1xf32>} : tensor<2x1xf32>
  %more = graph.constant() {value = dense<[[[1.0]], [[2.0]], [[3.0]]]> : tensor<3x1x1xf32>} : tensor<3x1x1xf32>
  %four = graph.constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : tensor<4xf32>
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("a")
  %b = graph.mul(%a, %row) : tensor<2x2xf32> loc("by row")
  %c = graph.matmul(%x, %w) : tensor<2x2xf32> loc("c")
  %d = graph.mul(%c, %more) : tensor<3x2x2xf32> loc("by table")
  %e = graph.matmul(%x, %w1) : tensor<2x1xf32> loc("e")
  %f = graph.mul(%e, %four) : tensor<2x4xf32> loc("to four channels")
  func.return(%b, %d, %f)
}
func.func @infinite(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %big = graph.constant() {value = dense<3.0e+38> : tensor<2x2xf32>} : tensor<2x2xf32>
  %inf = graph.constant() {value = dense<[0x7F800000, 1.0]> : tensor<2xf32>} : tensor<2xf32>
  %zero = graph.constant() {value = dense<0.0> : tensor<2xf32>} : tensor<2xf32>
  %two = graph.constant() {value = dense<2.0> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("a")
  %b = graph.mul(%a, %inf) : tensor<2x2xf32> loc("infinite scale")
  %c = graph.matmul(%x, %w) : tensor<2x2xf32> loc("c")
  %d = graph.batch_norm(%c, %two, %two, %two, %zero) {epsilon = 0.0} : tensor<2x2xf32> loc("no variance")
  %e = graph.matmul(%x, %big) : tensor<2x2xf32> loc("e")
  %f = graph.mul(%e, %two) : tensor<2x2xf32> loc("overflow")
  func.return(%b, %d, %f)
}
func.func @region(%p: tensor<i1>, %x: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
  %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
  %two = graph.constant() {value = dense<2.0> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("outside")
  %y = graph.if(%p) ({
    %b = graph.mul(%a, %two) : tensor<2x2xf32> loc("inside")
    graph.yield(%b)
  }, {
    graph.yield(%x)
  }) : tensor<2x2xf32>
  func.return(%y)
}
// ----- after
// module {
//   func.func @users(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %one = graph.constant() {value = dense<[1.0, 1.5]> : tensor<2xf32>} : tensor<2xf32>
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("dense")
//     %0 = graph.constant() {value = dense<[0.9995004, 1.2243369]> : tensor<2xf32>} : tensor<2xf32> loc("bn")
//     %1 = graph.mul(%a, %0) : tensor<2x2xf32> loc("bn")
//     %2 = graph.constant() {value = dense<[0.00049962534, -0.33650523]> : tensor<2xf32>} : tensor<2xf32> loc("bn")
//     %b = graph.add(%1, %2) : tensor<2x2xf32> loc("bn")
//     %c = graph.exp(%a) : tensor<2x2xf32> loc("exp")
//     %d = graph.mul(%x, %one) : tensor<2x2xf32> loc("no product")
//     func.return(%b, %c, %d)
//   }
//   func.func @computed(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>, %v: tensor<2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %known = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %one = graph.constant() {value = dense<[1.0, 1.5]> : tensor<2xf32>} : tensor<2xf32>
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("weights")
//     %0 = graph.constant() {value = dense<[0.9995004, 1.2243369]> : tensor<2xf32>} : tensor<2xf32> loc("bn of computed weights")
//     %1 = graph.mul(%a, %0) : tensor<2x2xf32> loc("bn of computed weights")
//     %2 = graph.constant() {value = dense<[0.00049962534, -0.33650523]> : tensor<2xf32>} : tensor<2xf32> loc("bn of computed weights")
//     %b = graph.add(%1, %2) : tensor<2x2xf32> loc("bn of computed weights")
//     %c = graph.matmul(%x, %known) : tensor<2x2xf32> loc("dense")
//     %d = graph.batch_norm(%c, %one, %one, %one, %v) : tensor<2x2xf32> loc("training")
//     %e = graph.matmul(%known, %x) : tensor<2x2xf32> loc("other side")
//     %f = graph.mul(%e, %one) : tensor<2x2xf32> loc("scale")
//     func.return(%b, %d, %f)
//   }
//   func.func @fit(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<3x2x2xf32>, tensor<2x4xf32>) {
//     %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %w1 = graph.constant() {value = dense<[[1.0], [3.0]]> : tensor<2x1xf32>} : tensor<2x1xf32>
//     %row = graph.constant() {value = dense<[[1.0], [2.0]]> : tensor<2x1xf32>} : tensor<2x1xf32>
//     %more = graph.constant() {value = dense<[[[1.0]], [[2.0]], [[3.0]]]> : tensor<3x1x1xf32>} : tensor<3x1x1xf32>
//     %four = graph.constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : tensor<4xf32>
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("a")
//     %b = graph.mul(%a, %row) : tensor<2x2xf32> loc("by row")
//     %c = graph.matmul(%x, %w) : tensor<2x2xf32> loc("c")
//     %d = graph.mul(%c, %more) : tensor<3x2x2xf32> loc("by table")
//     %e = graph.matmul(%x, %w1) : tensor<2x1xf32> loc("e")
//     %f = graph.mul(%e, %four) : tensor<2x4xf32> loc("to four channels")
//     func.return(%b, %d, %f)
//   }
//   func.func @infinite(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %big = graph.constant() {value = dense<3.0e+38> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %inf = graph.constant() {value = dense<[0x7F800000, 1.0]> : tensor<2xf32>} : tensor<2xf32>
//     %zero = graph.constant() {value = dense<0.0> : tensor<2xf32>} : tensor<2xf32>
//     %two = graph.constant() {value = dense<2.0> : tensor<2xf32>} : tensor<2xf32>
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("a")
//     %b = graph.mul(%a, %inf) : tensor<2x2xf32> loc("infinite scale")
//     %c = graph.matmul(%x, %w) : tensor<2x2xf32> loc("c")
//     %d = graph.batch_norm(%c, %two, %two, %two, %zero) {epsilon = 0.0} : tensor<2x2xf32> loc("no variance")
//     %e = graph.matmul(%x, %big) : tensor<2x2xf32> loc("e")
//     %f = graph.mul(%e, %two) : tensor<2x2xf32> loc("overflow")
//     func.return(%b, %d, %f)
//   }
//   func.func @region(%p: tensor<i1>, %x: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
//     %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : tensor<2x2xf32>
//     %two = graph.constant() {value = dense<2.0> : tensor<2xf32>} : tensor<2xf32>
//     %a = graph.matmul(%x, %w) : tensor<2x2xf32> loc("outside")
//     %y = graph.if(%p) ({
//       %b = graph.mul(%a, %two) : tensor<2x2xf32> loc("inside")
//       graph.yield(%b)
//     }, {
//       graph.yield(%x)
//     }) : tensor<2x2xf32>
//     func.return(%y)
//   }
// }
// reason: graph.batch_norm (bn): the result of graph.matmul (dense) is also used by graph.exp (exp)
// reason: graph.batch_norm (bn of computed weights): the weights of graph.matmul (weights) are computed, not constant
// reason: graph.batch_norm (training): its variance is computed, not constant
// reason: graph.mul (scale): the weights of graph.matmul (other side) are computed, not constant
// reason: graph.mul (by row): its constant of shape [2, 1] is not one number a channel
// reason: graph.mul (by table): its constant of shape [3, 1, 1] does not fit 2 channels
// reason: graph.mul (to four channels): its constant of shape [4] does not fit 1 channels
// reason: graph.mul (infinite scale): the folded scale or offset is not finite
// reason: graph.batch_norm (no variance): the folded scale or offset is not finite
// reason: graph.mul (overflow): the folded weights or the bias would not be finite
// reason: graph.mul (inside): graph.matmul (outside) is outside of its region
// reason: graph.batch_norm (no variance): its scale or offset is not finite
