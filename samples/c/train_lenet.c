/* Trains LeNet on handwritten digits with nothing but the compiled library, its header and the C library: some
   steps, a file with the state, further steps; then the further steps again from the file, which must give the same
   bits.

   netwright compile samples/digits_lenet.py:build --train adam:learning_rate=1e-3 \
     --loss sparse_categorical_crossentropy:from_logits=true --metric accuracy --batch 32 --header lenet.h -o liblenet.so
   python samples/c/digits_file.py digits.bin
   cc -Wall -Werror -I. samples/c/train_lenet.c ./liblenet.so -Wl,-rpath,. -o train_lenet
   ./train_lenet digits.bin 90 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lenet.h"

enum { BATCH = 32, PIXELS = 28 * 28 };

static char err[512];

static void check(int32_t status) {
  if (status != NW_OK) {
    fprintf(stderr, "status %d: %s\n", (int)status, err);
    exit(1);
  }
}

static int32_t count;
static float *images;
static int32_t *labels;

/* A file of digits_file.py: their number, the images, the labels. */
static void read_digits(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fread(&count, 4, 1, file) != 1 || count < BATCH) {
    fprintf(stderr, "cannot read digits from %s\n", path);
    exit(1);
  }
  images = malloc((size_t)count * PIXELS * sizeof *images);
  labels = malloc((size_t)count * sizeof *labels);
  if (!images || !labels || fread(images, sizeof *images * PIXELS, (size_t)count, file) != (size_t)count ||
      fread(labels, sizeof *labels, (size_t)count, file) != (size_t)count) {
    fprintf(stderr, "%s is too short\n", path);
    exit(1);
  }
  fclose(file);
}

/* Runs training steps first..last-1, each on the next batch; the loss of the last one. */
static float train(nw_session *session, nw_state *state, int first, int last) {
  const int64_t x_dims[] = {BATCH, 28, 28, 1}, y_dims[] = {BATCH};
  float loss = 0, accuracy = 0;
  nw_tensor out[2] = {{&loss, 0, NULL, NW_FLOAT32}, {&accuracy, 0, NULL, NW_FLOAT32}};
  for (int i = first; i < last; i++) {
    size_t start = (size_t)(i % (count / BATCH)) * BATCH;
    nw_tensor in[2] = {{images + start * PIXELS, 4, x_dims, NW_FLOAT32}, {labels + start, 1, y_dims, NW_INT32}};
    check(nw_run(session, state, NW_FUNCTION_TRAIN_STEP, in, 2, out, 2, err, sizeof err));
    if (i % 30 == 29) printf("step %d: loss %.9g, accuracy %.3f\n", i + 1, loss, accuracy);
  }
  return loss;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s DIGITS [STEPS]\n", argv[0]);
    return 2;
  }
  int steps = argc > 2 ? atoi(argv[2]) : 90;
  read_digits(argv[1]);
  nw_session *session;
  nw_state *state, *again;
  check(nw_session_create(0, &session, err, sizeof err));
  check(nw_state_create(&state, err, sizeof err));
  check(nw_state_create(&again, err, sizeof err));
  train(session, state, 0, steps / 2);
  check(nw_state_save(state, "lenet.safetensors", err, sizeof err));
  float straight = train(session, state, steps / 2, steps);
  check(nw_state_restore(again, "lenet.safetensors", err, sizeof err));
  float resumed = train(session, again, steps / 2, steps);
  printf("final loss %.9g, resumed %.9g\n", straight, resumed);
  int same = memcmp(&straight, &resumed, sizeof straight) == 0;
  check(nw_state_save(state, "straight.safetensors", err, sizeof err));
  check(nw_state_save(again, "resumed.safetensors", err, sizeof err));
  nw_state_destroy(state);
  nw_state_destroy(again);
  nw_session_destroy(session);
  free(images);
  free(labels);
  return same ? 0 : 1;
}
