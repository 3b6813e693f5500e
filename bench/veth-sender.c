/*
 * Sends the frames of a classic pcap file over an interface, as fast as the kernel takes them or at
 * a given rate: on two cores the sender must cost less than what it measures. As veth-sender.ts,
 * which needs no compiler.
 * Usage: veth-sender FILE INTERFACE PACKETS PACKETS_A_SECOND [FRAMES_OF_THE_FILE]
 */
#define _GNU_SOURCE
#include <net/if.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 256
#define FILE_HEADER_BYTES 24
#define RECORD_HEADER_BYTES 16

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec * 1e-9;
}

/* The whole file in memory; NULL with a word on standard error. */
static uint8_t *read_whole(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return perror(path), NULL;
  *bytes = (size_t)ftell(file);
  rewind(file);
  uint8_t *all = malloc(*bytes + 1);
  if (all == NULL || fread(all, 1, *bytes, file) != *bytes) return perror(path), NULL;
  fclose(file);
  return all;
}

static int open_socket(const char *name) {
  int descriptor = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
  if (descriptor < 0 || bind(descriptor, (void *)&place, sizeof place) != 0) return -1;
  int on = 1;
  setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  return descriptor;
}

int main(int count, char **words) {
  if (count < 5) return 2;
  size_t bytes = 0;
  uint8_t *all = read_whole(words[1], &bytes);
  if (all == NULL) return 1;
  uint64_t packets = strtoull(words[3], NULL, 10);
  double rate = strtod(words[4], NULL);
  uint64_t frames_max = count > 5 ? strtoull(words[5], NULL, 10) : UINT64_MAX;
  int descriptor = open_socket(words[2]);
  if (descriptor < 0) return perror(words[2]), 1;

  size_t room = bytes / RECORD_HEADER_BYTES + 1;
  struct iovec *frames = calloc(room, sizeof *frames);
  struct mmsghdr *messages = calloc(room, sizeof *messages);
  if (frames == NULL || messages == NULL) return perror("memory"), 1;
  uint64_t known = 0;
  size_t at = FILE_HEADER_BYTES;
  while (at + RECORD_HEADER_BYTES <= bytes && known < frames_max) {
    uint32_t captured;
    memcpy(&captured, all + at + 8, sizeof captured);
    at += RECORD_HEADER_BYTES;
    if (captured > bytes - at) break;
    frames[known] = (struct iovec){.iov_base = all + at, .iov_len = captured};
    messages[known].msg_hdr.msg_iov = &frames[known];
    messages[known].msg_hdr.msg_iovlen = 1;
    known++;
    at += captured;
  }
  if (known == 0) return fprintf(stderr, "%s has no frame\n", words[1]), 1;

  double begin = now();
  uint64_t sent = 0;
  while (sent < packets) {
    uint64_t first = sent % known;
    uint64_t many = BATCH;
    if (many > known - first) many = known - first;
    if (many > packets - sent) many = packets - sent;
    int done = sendmmsg(descriptor, messages + first, (unsigned)many, 0);
    /* Nothing sent: the kernel's queue is full, so try again. */
    if (done > 0) sent += (uint64_t)done;
    while (rate > 0 && now() - begin < (double)sent / rate) continue;
  }
  printf("{\"sent\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent, now() - begin);
  return 0;
}
