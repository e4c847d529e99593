// netwright opt --pass fold-batch-norm %s
func.func @conv(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}) -> (tensor<?x5x5x3xf32> {graph.dims = ["n", 5, 5, 3]}) {
  %w = graph.constant() {value = dense<[[[[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]]]]> : tensor<1x1x2x3xf32>} : tensor<1x1x2x3xf32> loc("conv/kernel")
  %scale = graph.constant() {value = dense<[2.0, 1.0, -1.0]> : tensor<3xf32>} : tensor<3xf32>
  %offset = graph.constant() {value = dense<[0.5, 0.0, 1.0]> : tensor<3xf32>} : tensor<3xf32>
  %mean = graph.constant() {value = dense<[1.0, 2.0, -3.0]> : tensor<3xf32>} : tensor<3xf32>
  %variance = graph.constant() {value = dense<[0.75, 3.75, 15.75]> : tensor<3xf32>} : tensor<3xf32>
  %a = graph.conv2d(%x, %w) : tensor<?x5x5x3xf32> loc("conv")
  %b = graph.batch_norm(%a, %scale, %offset, %mean, %variance) {epsilon = 0.25} : tensor<?x5x5x3xf32> loc("bn")
  %c = graph.relu(%b) : tensor<?x5x5x3xf32> loc("relu")
  func.return(%c)
}
func.func @depthwise(%x: tensor<1x3x3x2xf32>) -> (tensor<1x3x3x4xf32>) {
  %w = graph.constant() {value = dense<[[[[1.0, 2.0, 3.0, 4.0]]]]> : tensor<1x1x1x4xf32>} : tensor<1x1x1x4xf32>
  %factor = graph.constant() {value = dense<[[[[2.0, 0.5, -1.0, 0.0]]]]> : tensor<1x1x1x4xf32>} : tensor<1x1x1x4xf32>
  %a = graph.conv2d(%x, %w) : tensor<1x3x3x4xf32> loc("depthwise")
  %b = graph.mul(%a, %factor) : tensor<1x3x3x4xf32> loc("factor")
  func.return(%b)
}
func.func @unfused(%x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %w = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : tensor<3x2xf32>
  %wt = graph.constant() {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : tensor<2x3xf32>
  %c = graph.constant() {value = dense<[2.0, -0.5]> : tensor<2xf32>} : tensor<2xf32>
  %d = graph.constant() {value = dense<[[0.25, 3.0]]> : tensor<1x2xf32>} : tensor<1x2xf32>
  %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
  %a1 = graph.matmul(%x, %w) : tensor<2x2xf32> loc("mul, add")
  %a2 = graph.mul(%a1, %c) : tensor<2x2xf32> loc("m")
  %a3 = graph.add(%a2, %d) : tensor<2x2xf32> loc("a")
  %b1 = graph.matmul(%x, %wt) {transpose_y = true} : tensor<2x2xf32> loc("add, mul, sub")
  %b2 = graph.add(%d, %b1) : tensor<2x2xf32> loc("bias")
  %b3 = graph.mul(%b2, %c) : tensor<2x2xf32> loc("scale")
  %b4 = graph.sub(%b3, %half) : tensor<2x2xf32> loc("shift")
  %c1 = graph.matmul(%x, %w) : tensor<2x2xf32> loc("only a bias")
  %c2 = graph.add(%c1, %d) : tensor<2x2xf32>
  func.return(%a3, %b4, %c2)
}
func.func @alone(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %scale = graph.constant() {value = dense<[2.0, 1.0]> : tensor<2xf32>} : tensor<2xf32>
  %offset = graph.constant() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : tensor<2xf32>
  %mean = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
  %far = graph.constant() {value = dense<[1000.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
  %variance = graph.constant() {value = dense<[0.999, 3.999]> : tensor<2xf32>} : tensor<2xf32>
  %a = graph.batch_norm(%x, %scale, %offset, %mean, %variance) : tensor<2x2xf32> loc("near")
  %b = graph.batch_norm(%x, %scale, %offset, %far, %variance) : tensor<2x2xf32> loc("far")
  func.return(%a, %b)
}
// ----- after
// module {
//   func.func @conv(%x: tensor<?x5x5x2xf32> {graph.dims = ["n", 5, 5, 2]}) -> (tensor<?x5x5x3xf32> {graph.dims = ["n", 5, 5, 3]}) {
//     %w = graph.constant() {value = dense<[[[[2.0, 1.0, -0.75], [-2.0, 0.25, -0.0625]]]]> : tensor<1x1x2x3xf32>} : tensor<1x1x2x3xf32> loc("conv/kernel")
//     %a = graph.conv2d(%x, %w) : tensor<?x5x5x3xf32> loc(fused["conv", "bn"])
//     %0 = graph.constant() {value = dense<[-1.5, -1.0, 0.25]> : tensor<3xf32>} : tensor<3xf32> loc("bn")
//     %b = graph.add(%a, %0) : tensor<?x5x5x3xf32> loc("bn")
//     %c = graph.relu(%b) : tensor<?x5x5x3xf32> loc("relu")
//     func.return(%c)
//   }
//   func.func @depthwise(%x: tensor<1x3x3x2xf32>) -> (tensor<1x3x3x4xf32>) {
//     %w = graph.constant() {value = dense<[[[[2.0, 1.0, -3.0, 0.0]]]]> : tensor<1x1x1x4xf32>} : tensor<1x1x1x4xf32>
//     %a = graph.conv2d(%x, %w) : tensor<1x3x3x4xf32> loc(fused["depthwise", "factor"])
//     func.return(%a)
//   }
//   func.func @unfused(%x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
//     %w = graph.constant() {value = dense<[[2.0, -1.0], [6.0, -2.0], [10.0, -3.0]]> : tensor<3x2xf32>} : tensor<3x2xf32>
//     %w_1 = graph.constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : tensor<3x2xf32>
//     %wt = graph.constant() {value = dense<[[2.0, 4.0, 6.0], [-2.0, -2.5, -3.0]]> : tensor<2x3xf32>} : tensor<2x3xf32>
//     %d = graph.constant() {value = dense<[[0.25, 3.0]]> : tensor<1x2xf32>} : tensor<1x2xf32>
//     %a1 = graph.matmul(%x, %w) : tensor<2x2xf32> loc(fused["mul, add", "m"])
//     %0 = graph.constant() {value = dense<[0.25, 3.0]> : tensor<2xf32>} : tensor<2xf32> loc("a")
//     %a3 = graph.add(%a1, %0) : tensor<2x2xf32> loc(fused["m", "a"])
//     %b1 = graph.matmul(%x, %wt) {transpose_y = true} : tensor<2x2xf32> loc(fused["add, mul, sub", "scale"])
//     %1 = graph.constant() {value = dense<[0.0, -2.0]> : tensor<2xf32>} : tensor<2xf32> loc("shift")
//     %b4 = graph.add(%b1, %1) : tensor<2x2xf32> loc(fused["bias", "scale", "shift"])
//     %c1 = graph.matmul(%x, %w_1) : tensor<2x2xf32> loc("only a bias")
//     %c2 = graph.add(%c1, %d) : tensor<2x2xf32>
//     func.return(%a3, %b4, %c2)
//   }
//   func.func @alone(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
//     %scale = graph.constant() {value = dense<[2.0, 1.0]> : tensor<2xf32>} : tensor<2xf32>
//     %offset = graph.constant() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : tensor<2xf32>
//     %mean = graph.constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
//     %far = graph.constant() {value = dense<[1000.0, 2.0]> : tensor<2xf32>} : tensor<2xf32>
//     %variance = graph.constant() {value = dense<[0.999, 3.999]> : tensor<2xf32>} : tensor<2xf32>
//     %0 = graph.constant() {value = dense<[2.0, 0.5]> : tensor<2xf32>} : tensor<2xf32> loc("near")
//     %1 = graph.mul(%x, %0) : tensor<2x2xf32> loc("near")
//     %2 = graph.constant() {value = dense<[-1.5, -1.0]> : tensor<2xf32>} : tensor<2xf32> loc("near")
//     %a = graph.add(%1, %2) : tensor<2x2xf32> loc("near")
//     %3 = graph.constant() {value = dense<[1000.0, 2.0]> : tensor<2xf32>} : tensor<2xf32> loc("far")
//     %4 = graph.sub(%x, %3) : tensor<2x2xf32> loc("far")
//     %5 = graph.constant() {value = dense<[2.0, 0.5]> : tensor<2xf32>} : tensor<2xf32> loc("far")
//     %6 = graph.mul(%4, %5) : tensor<2x2xf32> loc("far")
//     %7 = graph.constant() {value = dense<[0.5, 0.0]> : tensor<2xf32>} : tensor<2xf32> loc("far")
//     %b = graph.add(%6, %7) : tensor<2x2xf32> loc("far")
//     func.return(%a, %b)
//   }
// }
