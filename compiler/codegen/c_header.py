"""The C header of a compiled library: the interface, and the functions of this model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...runtime.abi import ABI_VERSION, MAX_RANK, STATUSES
from ...runtime.spec import DTYPES

_TEXT = """\
/* Interface of a library compiled by netwright. Thread-safe; nothing throws, aborts or prints.
   Tensors are dense and row-major. Every function that can fail returns a status and writes one
   sentence into err (at most cap bytes; err may be null). */
#ifndef NETWRIGHT_H
#define NETWRIGHT_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define NW_ABI_VERSION @VERSION@
#define NW_MAX_RANK @RANK@

enum nw_status { @STATUSES@ };
enum nw_dtype { @DTYPES@ };

typedef struct nw_tensor {
  void *data;          /* aligned as its elements are */
  int64_t rank;
  const int64_t *dims; /* rank sizes */
  int32_t dtype;       /* enum nw_dtype */
} nw_tensor;

typedef struct nw_session nw_session; /* memory of its own: one call at a time */
typedef struct nw_state nw_state;     /* variables; null for models without */

int32_t nw_abi_version(void);
const char *nw_manifest(void); /* JSON */

/* threads: how many a call may use; 0: NETWRIGHT_THREADS, or as many as the process may use */
int32_t nw_session_create(int32_t threads, nw_session **session, char *err, size_t cap);
void nw_session_destroy(nw_session *session);

int32_t nw_state_create(nw_state **state, char *err, size_t cap);
/* A state over the caller's memory: memory[i], aligned to 64 bytes, holds the i-th of the n variables, and must
   outlive the state. Several states, of several libraries, may share it while no call writes it. */
int32_t nw_state_attach(nw_state **state, void *const *memory, int32_t n, char *err, size_t cap);
void nw_state_destroy(nw_state *state);
int32_t nw_state_copy(nw_state *target, const nw_state *source, char *err, size_t cap);
/* The whole state in a safetensors file; only a file with the same variables is restored. */
int32_t nw_state_save(nw_state *state, const char *path, char *err, size_t cap);
int32_t nw_state_restore(nw_state *state, const char *path, char *err, size_t cap);
/* The variable of this number: its name, and rank, dims and dtype of the tensor (data is left alone). INDEX where
   there is none. name and tensor may be null. */
int32_t nw_variable(int32_t number, const char **name, nw_tensor *tensor, char *err, size_t cap);
int32_t nw_state_get(nw_state *state, const char *name, nw_tensor *tensor, char *err, size_t cap);
int32_t nw_state_set(nw_state *state, const char *name, const nw_tensor *tensor, char *err, size_t cap);

/* Sizes of the outputs: fills rank, dtype and dims, which must have room for NW_MAX_RANK sizes. A size that
   only the call computes is -1. */
int32_t nw_infer(int32_t function, const nw_tensor *in, int32_t n_in, nw_tensor *out, int32_t n_out,
                 char *err, size_t cap);
/* Runs a function. Outputs are given with their sizes and share memory with nothing else. An output with
   a size of -1 is given with data = NULL and fetched with nw_result. */
int32_t nw_run(nw_session *session, nw_state *state, int32_t function, const nw_tensor *in, int32_t n_in,
               nw_tensor *out, int32_t n_out, char *err, size_t cap);
/* nw_run with its arguments in a struct that can be used again. The data pointers of the tensors are read
   from *in_at[i] and *out_at[i] at each call. */
typedef struct nw_frame {
  nw_session *session;
  nw_state *state;
  nw_tensor *inputs;
  nw_tensor *outputs;
  void ***in_at;
  void ***out_at;
  char *err;
  size_t cap;
  int32_t function, n_in, n_out;
} nw_frame;
int32_t nw_call(nw_frame *frame);
/* From now on every call in this session writes to the log when each kernel ended, until the log is full; NULL
   ends that. `call` is a row of "calls" in the manifest, -1 the beginning; time in nanoseconds. */
typedef struct nw_log_entry { int64_t call, time; } nw_log_entry;
typedef struct nw_log_header { int64_t count, capacity; } nw_log_header; /* the entries follow it */
void nw_log(nw_session *session, nw_log_header *log);
/* An output of the session's last call whose sizes were not known before: fills rank, dtype and dims, and
   copies the elements if data is not NULL. Call it twice: for the sizes, then with memory. */
int32_t nw_result(nw_session *session, int32_t function, int32_t output, nw_tensor *tensor, char *err,
                  size_t cap);

#ifdef __cplusplus
}
#endif
#endif

"""


def _enumerators(names: list[tuple[str, int]]) -> str:
    return ", ".join(f"NW_{n} = {v}" for n, v in names)


def _macro(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()


def _tensor(row: Mapping[str, Any]) -> str:
    name = row["name"].replace("*/", "* /")
    return f"{name}: {row['dtype']}[{', '.join(map(str, row['shape']))}]"


def c_header(manifest: Mapping[str, Any]) -> str:
    """The header's text for the library with this manifest; its functions come as macros with their numbers."""
    statuses = _enumerators([(n, i) for i, n in enumerate(STATUSES)])
    dtypes = _enumerators([(d.tf_name.upper(), d.code) for d in DTYPES])
    text = _TEXT.replace("@VERSION@", str(ABI_VERSION)).replace("@RANK@", str(MAX_RANK))
    text = text.replace("@STATUSES@", statuses).replace("@DTYPES@", dtypes)
    lines: list[str] = []
    for i, f in enumerate(manifest["functions"]):
        lines.append(f"#define NW_FUNCTION_{_macro(f['name'])} {i}")
        lines += [f"/* input {k}  {_tensor(t)} */" for k, t in enumerate(f["inputs"])]
        lines += [f"/* output {k} {_tensor(t)} */" for k, t in enumerate(f["outputs"])]
    for v in manifest["variables"]:
        lines.append(f"/* variable {_tensor(v)} */")
    return text + "\n".join(lines) + "\n"
