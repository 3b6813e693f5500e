/*
 * Makes the frames of a classic pcap file arrive at an interface as a driver hands them up: an XDP
 * program that the kernel runs over and over (BPF_PROG_TEST_RUN with live frames) fills in one
 * frame after the other and passes it to the stack. A sender at the far end of a veth pair spends
 * three times as much on a frame (1.65 to 0.55 us), and then the sender's core is what is measured.
 * Usage: live-frames FILE INTERFACE PACKETS PACKETS_A_SECOND [FRAMES_OF_THE_FILE]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define RUNS_PER_SECOND 5
#define FILE_HEADER_BYTES 24
#define RECORD_HEADER_BYTES 16
/* Frames of other lengths are left out. */
#define FRAME_BYTES_MAX 1514
#define FRAME_BYTES_MIN 14
#define FRAMES_MAX 500000

/* One place of the map of frames; the map's are only as long as its longest frame needs. */
struct slot {
  uint32_t bytes;
  uint8_t frame[FRAME_BYTES_MAX];
};
#define SLOT_BYTES(frame_bytes) (sizeof(uint32_t) + (((frame_bytes) + 7) & ~7u))

static struct slot slot;

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec * 1e-9;
}

static int bpf(int command, union bpf_attr *attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int make_map(uint32_t value_bytes, uint32_t entries) {
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = value_bytes,
                         .max_entries = entries};
  return bpf(BPF_MAP_CREATE, &attr);
}

static int store(int map, uint32_t key, const void *value) {
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key,
                         .value = (uintptr_t)value};
  return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/* The next frame of a fitting length into `slot`; 0 at the end of the file. */
static int read_frame(FILE *file) {
  uint32_t header[RECORD_HEADER_BYTES / 4];
  while (fread(header, sizeof header, 1, file) == 1) {
    uint32_t bytes = header[2];
    if (bytes < FRAME_BYTES_MIN || bytes > FRAME_BYTES_MAX) {
      if (fseek(file, bytes, SEEK_CUR) != 0) return 0;
      continue;
    }
    slot.bytes = bytes;
    return fread(slot.frame, bytes, 1, file) == 1;
  }
  return 0;
}

/* Frames of the file into a new map; how many there are, or -1 with a word on standard error. */
static long load_frames(const char *path, long frames_max, int *map, uint32_t *longest) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, FILE_HEADER_BYTES, SEEK_SET) != 0) return perror(path), -1;
  if (frames_max > FRAMES_MAX) frames_max = FRAMES_MAX;
  long known = 0;
  *longest = 0;
  for (; known < frames_max && read_frame(file); known++) {
    if (slot.bytes > *longest) *longest = slot.bytes;
  }
  if (known == 0) return fprintf(stderr, "%s has no frame\n", path), -1;
  *map = make_map(SLOT_BYTES(*longest), (uint32_t)known);
  if (*map < 0) return perror("map of frames"), -1;
  if (fseek(file, FILE_HEADER_BYTES, SEEK_SET) != 0) return perror(path), -1;
  for (uint32_t key = 0; key < known && read_frame(file); key++) {
    if (store(*map, key, &slot) != 0) return perror("frame"), -1;
  }
  fclose(file);
  return known;
}

#define INSN(c, d, s, o, i) \
  ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_NUMBER(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_NUMBER(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define STORE(d, s, o) INSN(BPF_STX | BPF_MEM | BPF_W, d, s, o, 0)
#define CALL(i) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, i)
#define MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define JUMP_IF(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)

/* Next frame of the map into the packet, then XDP_PASS. */
static int load_program(int frames, int counter, uint32_t known, uint32_t longest) {
  struct bpf_insn code[] = {
      MOV(6, 1),
      /* r7 = *counter; *counter = r7 + 1 or 0 */
      INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
      MAP(1, counter),
      MOV(2, 10),
      ADD_NUMBER(2, -4),
      CALL(BPF_FUNC_map_lookup_elem),
      JUMP_IF(BPF_JEQ, 0, 0, 29),
      LOAD(7, 0, 0),
      MOV(1, 7),
      ADD_NUMBER(1, 1),
      JUMP_IF(BPF_JLT, 1, (int32_t)known, 1),
      MOV_NUMBER(1, 0),
      STORE(0, 1, 0),
      /* r8 = frame */
      STORE(10, 7, -4),
      MAP(1, frames),
      MOV(2, 10),
      ADD_NUMBER(2, -4),
      CALL(BPF_FUNC_map_lookup_elem),
      JUMP_IF(BPF_JEQ, 0, 0, 16),
      MOV(8, 0),
      LOAD(9, 8, 0),
      JUMP_IF(BPF_JLT, 9, FRAME_BYTES_MIN, 13),
      JUMP_IF(BPF_JGT, 9, (int32_t)longest, 12),
      /* the packet has `longest` bytes before */
      MOV(1, 6),
      MOV(2, 9),
      ADD_NUMBER(2, -(int32_t)longest),
      CALL(BPF_FUNC_xdp_adjust_tail),
      MOV(1, 6),
      MOV_NUMBER(2, 0),
      MOV(3, 8),
      ADD_NUMBER(3, 4),
      MOV(4, 9),
      CALL(BPF_FUNC_xdp_store_bytes),
      MOV_NUMBER(0, XDP_PASS),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
      MOV_NUMBER(0, XDP_ABORTED),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  static char log[65536];
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP, .insns = (uintptr_t)code,
                         .insn_cnt = sizeof code / sizeof *code, .license = (uintptr_t)"GPL",
                         .log_buf = (uintptr_t)log, .log_size = sizeof log, .log_level = 1};
  int program = bpf(BPF_PROG_LOAD, &attr);
  if (program < 0) fprintf(stderr, "program: %s\n%s\n", strerror(errno), log);
  return program;
}

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "--probe") == 0) return make_map(4, 1) < 0;
  if (count < 5) return 2;
  uint64_t packets = strtoull(words[3], NULL, 10);
  double rate = strtod(words[4], NULL);
  uint32_t interface = if_nametoindex(words[2]);
  if (interface == 0) return perror(words[2]), 1;
  int frames = -1;
  uint32_t longest = 0;
  long frames_max = count > 5 ? strtol(words[5], NULL, 10) : FRAMES_MAX;
  long known = load_frames(words[1], frames_max, &frames, &longest);
  if (known < 0) return 1;
  int counter = make_map(sizeof(uint32_t), 1);
  if (counter < 0) return perror("map of the counter"), 1;
  int program = load_program(frames, counter, (uint32_t)known, longest);
  if (program < 0) return 1;

  static uint8_t first[FRAME_BYTES_MAX];
  struct xdp_md place = {.data_end = longest, .ingress_ifindex = interface};
  double begin = now();
  uint64_t sent = 0;
  while (sent < packets) {
    /* The kernel spends some 20 ms on beginning and ending a run: few long ones. */
    uint64_t many = rate > 0 ? (uint64_t)(rate / RUNS_PER_SECOND) + 1 : packets;
    if (many > packets - sent) many = packets - sent;
    if (many > UINT32_MAX / 2) many = UINT32_MAX / 2;
    union bpf_attr attr = {.test = {.prog_fd = (uint32_t)program, .repeat = (uint32_t)many,
                                    .data_in = (uintptr_t)first, .data_size_in = longest,
                                    .ctx_in = (uintptr_t)&place, .ctx_size_in = sizeof place,
                                    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH}};
    if (bpf(BPF_PROG_TEST_RUN, &attr) != 0) return perror("run"), 1;
    sent += many;
    while (rate > 0 && now() - begin < (double)sent / rate) continue;
  }
  printf("{\"sent\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent, now() - begin);
  return 0;
}
