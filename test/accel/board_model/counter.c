// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// A plugin of QEMU's user mode: how often each block of instructions runs, in which stage of a
// program. The program says so by getpriority(2), which has no meaning with these arguments: 0x4653
// and the stage for the thread that calls, 0x4654 and the stage for all threads that have said
// nothing; 0 is none. At the end a file has a line for each block: address, instructions, their
// code in hexadecimal, and stage:times.
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of the interface, version 1 (QEMU 6 to 8); its header comes with QEMU's sources only.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb * block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb * block);
struct qemu_plugin_insn * qemu_plugin_tb_get_insn(const struct qemu_plugin_tb * block, size_t i);
const void * qemu_plugin_insn_data(const struct qemu_plugin_insn * instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn * instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(
  qemu_plugin_id_t id, void (* call)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(
  struct qemu_plugin_tb * block, void (* call)(unsigned int, void *), int flags, void * data);
void qemu_plugin_register_vcpu_syscall_cb(
  qemu_plugin_id_t id, void (* call)(
    qemu_plugin_id_t, unsigned int, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
    uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(
  qemu_plugin_id_t id, void (* call)(qemu_plugin_id_t, void *), void * data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { kStages = 64, kThreads = 256, kGetPriority = 141 };  // 141: of aarch64

struct Block
{
  struct Block * next;
  uint64_t address;
  uint32_t instructions;
  uint64_t times[kStages];
  uint32_t code[];
};

static struct Block * blocks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned stage_of[kThreads];
static unsigned stage_of_all;
static const char * path;

static void run(unsigned int thread, void * data)
{
  const unsigned stage = stage_of[thread % kThreads];
  ++((struct Block *)data)->times[stage ? stage : stage_of_all];
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb * from)
{
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(from);
  struct Block * block = calloc(1, sizeof(*block) + count * sizeof(uint32_t));
  block->address = qemu_plugin_tb_vaddr(from);
  block->instructions = (uint32_t)count;
  for (size_t i = 0; i < count; ++i) {
    memcpy(&block->code[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(from, i)), 4);
  }
  pthread_mutex_lock(&lock);
  block->next = blocks;
  blocks = block;
  pthread_mutex_unlock(&lock);
  qemu_plugin_register_vcpu_tb_exec_cb(from, run, 0, block);
}

static void called(
  qemu_plugin_id_t id, unsigned int thread, int64_t number, uint64_t which, uint64_t stage,
  uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
  (void)id; (void)a3; (void)a4; (void)a5; (void)a6; (void)a7; (void)a8;
  if (number == kGetPriority && stage < kStages) {
    if (which == 0x4653) {
      stage_of[thread % kThreads] = (unsigned)stage;
    } else if (which == 0x4654) {
      stage_of_all = (unsigned)stage;
    }
  }
}

static void ended(qemu_plugin_id_t id, void * data)
{
  (void)id; (void)data;
  FILE * file = fopen(path, "w");
  if (!file) {
    perror(path);
    return;
  }
  for (const struct Block * block = blocks; block; block = block->next) {
    int said = 0;
    for (int stage = 1; stage < kStages; ++stage) {
      if (block->times[stage]) {
        if (!said++) {
          fprintf(file, "%" PRIx64 " %u ", block->address, block->instructions);
          for (uint32_t i = 0; i < block->instructions; ++i) {
            fprintf(file, "%08x", block->code[i]);
          }
        }
        fprintf(file, " %d:%" PRIu64, stage, block->times[stage]);
      }
    }
    if (said) {
      fputc('\n', file);
    }
  }
  fclose(file);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void * info, int count, char ** arguments)
{
  (void)info;
  if (count != 1 || strncmp(arguments[0], "out=", 4) != 0) {
    fprintf(stderr, "say out=PATH\n");
    return -1;
  }
  path = strdup(arguments[0] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
