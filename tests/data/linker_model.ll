; One of everything a compiled model has, and some that it has not, for tests of the linker.
@nw_weights = external global i8
@weights = hidden global ptr @nw_weights
@table = constant [3 x ptr] [ptr @twice, ptr @add3, ptr @labs]
@primes = constant [5 x i32] [i32 2, i32 3, i32 5, i32 7, i32 11]
@inside = constant ptr getelementptr (i8, ptr @primes, i64 12)
@format = private unnamed_addr constant [6 x i8] c"%d/%d\00"
@counter = internal global i32 40
@offset = hidden global i32 5
@started = internal global i32 0
@zeroed = global [100000 x i8] zeroinitializer
@manifest = constant [13 x i8] c"{\22format\22: 1}", section ".netwright"
@late = internal global ptr @start, section ".init_array"
@early = internal global ptr @prepare, section ".init_array.101"
declare i32 @snprintf(ptr, i64, ptr, ...)
declare i32 @backtrace(ptr, i32)
declare i64 @labs(i64)
declare extern_weak i32 @nobody_defines_this()

define internal void @prepare() {
  store i32 70, ptr @started
  ret void
}
define internal void @start() {
  %v = load i32, ptr @started
  %w = add i32 %v, 7
  store i32 %w, ptr @started
  ret void
}
define i32 @has_started() {
  %v = load i32, ptr @started
  ret i32 %v
}
define i64 @twice(i64 %x) noinline {
  %y = shl i64 %x, 1
  ret i64 %y
}
define internal i64 @kernel_local(i64 %x) noinline {
  %y = call i64 @twice(i64 %x)
  %z = add i64 %y, 1
  ret i64 %z
}
define i64 @add3(i64 %x) noinline {
  %y = call i64 @kernel_local(i64 1)
  %z = add i64 %x, %y
  ret i64 %z
}
define i32 @count() {
  %v = load i32, ptr @counter
  %o = load i32, ptr @offset
  %w = add i32 %v, %o
  store i32 %w, ptr @counter
  ret i32 %w
}
define i32 @text(ptr %buffer, i64 %size, i32 %x) {
  %r = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %buffer, i64 %size, ptr @format, i32 %x, i32 7)
  ret i32 %r
}
define i64 @through_table(i64 %i, i64 %x) {
  %p = getelementptr [3 x ptr], ptr @table, i64 0, i64 %i
  %f = load ptr, ptr %p
  %r = call i64 %f(i64 %x)
  ret i64 %r
}
define i32 @pointed() {
  %p = load ptr, ptr @inside
  %v = load i32, ptr %p
  ret i32 %v
}
define i64 @choose(i32 %x) {
  switch i32 %x, label %other [ i32 0, label %a i32 1, label %b i32 2, label %c i32 3, label %d i32 4, label %e ]
a:
  %ra = call i64 @twice(i64 100)
  ret i64 %ra
b:
  ret i64 21
c:
  %rc = call i64 @add3(i64 200)
  ret i64 %rc
d:
  ret i64 41
e:
  %re = call i64 @labs(i64 -51)
  ret i64 %re
other:
  ret i64 -1
}
define double @scale(double %x) {
  %y = fmul double %x, 3.5
  %z = fadd double %y, 0.125
  ret double %z
}
define i32 @fill(i64 %i, i8 %v) {
  %p = getelementptr i8, ptr @zeroed, i64 %i
  %old = load i8, ptr %p
  store i8 %v, ptr %p
  %r = zext i8 %old to i32
  ret i32 %r
}
define i32 @weight(i64 %i) {
  %base = load ptr, ptr @weights
  %p = getelementptr i32, ptr %base, i64 %i
  %v = load i32, ptr %p
  ret i32 %v
}
define ptr @weights_by_slot() {
  ret ptr @nw_weights
}
define i1 @optional_is_absent() {
  %r = icmp eq ptr @nobody_defines_this, null
  ret i1 %r
}
define i32 @frames_inner(ptr %buffer) noinline uwtable {
  %n = call i32 @backtrace(ptr %buffer, i32 64)
  %r = add i32 %n, 0
  ret i32 %r
}
define i32 @frames(ptr %buffer) uwtable {
  %n = call i32 @frames_inner(ptr %buffer)
  %r = mul i32 %n, 1
  ret i32 %r
}
