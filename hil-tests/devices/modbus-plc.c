/*
 * A Modbus server on libmodbus, the C library inside many real devices: Modbus/TCP for several
 * clients, or RTU on a serial line. `modbus-plc tcp ADDRESS PORT` or `modbus-plc rtu TTY BAUD UNIT`.
 * It prints one JSON line when ready, changes its registers with each request, and ends with its
 * standard input, as the other devices do.
 */
#include <errno.h>
#include <modbus.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 200

static unsigned requests;

static void answer(modbus_t *context, modbus_mapping_t *map, const uint8_t *query, int length) {
  requests++;
  map->tab_input_registers[0] = (uint16_t)requests;
  map->tab_registers[0] = (uint16_t)requests;
  modbus_reply(context, query, length, map);
}

static void ready(const char *kind) {
  printf("{\"ready\":\"modbus-plc\",\"kind\":\"%s\"}\n", kind);
  fflush(stdout);
}

/* True when standard input has ended: whoever started us is gone. */
static int has_input_ended(void) {
  char ignored[64];
  return read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

static int serve_tcp(const char *address, int port, modbus_mapping_t *map) {
  uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  modbus_t *context = modbus_new_tcp(address, port);
  int listening = modbus_tcp_listen(context, 16);
  if (listening < 0) {
    perror("listen");
    return 1;
  }
  fd_set all;
  FD_ZERO(&all);
  FD_SET(listening, &all);
  FD_SET(STDIN_FILENO, &all);
  int highest = listening;
  ready("tcp");
  for (;;) {
    fd_set readable = all;
    if (select(highest + 1, &readable, NULL, NULL, NULL) < 0) continue;
    for (int each = 0; each <= highest; each++) {
      if (!FD_ISSET(each, &readable)) continue;
      if (each == STDIN_FILENO) {
        if (has_input_ended()) return 0;
      } else if (each == listening) {
        int accepted = accept(listening, NULL, NULL);
        if (accepted < 0 || accepted >= FD_SETSIZE) continue;
        FD_SET(accepted, &all);
        if (accepted > highest) highest = accepted;
      } else {
        modbus_set_socket(context, each);
        int length = modbus_receive(context, query);
        if (length > 0) answer(context, map, query, length);
        else if (length < 0) {
          close(each);
          FD_CLR(each, &all);
        }
      }
    }
  }
}

static int serve_rtu(const char *tty, int baud, int unit, modbus_mapping_t *map) {
  uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
  modbus_t *context = modbus_new_rtu(tty, baud, 'N', 8, 1);
  if (context == NULL || modbus_set_slave(context, unit) < 0 || modbus_connect(context) < 0) {
    fprintf(stderr, "%s: %s\n", tty, modbus_strerror(errno));
    return 1;
  }
  ready("rtu");
  for (;;) {
    int length = modbus_receive(context, query);
    if (length > 0) answer(context, map, query, length);
    else if (length < 0 && errno == EBADF) return 1;
  }
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  modbus_mapping_t *map = modbus_mapping_new(ADDRESSES_MAX, ADDRESSES_MAX, ADDRESSES_MAX, ADDRESSES_MAX);
  if (map == NULL) return 1;
  if (count == 4 && strcmp(words[1], "tcp") == 0) return serve_tcp(words[2], atoi(words[3]), map);
  if (count == 5 && strcmp(words[1], "rtu") == 0)
    return serve_rtu(words[2], atoi(words[3]), atoi(words[4]), map);
  fprintf(stderr, "modbus-plc tcp ADDRESS PORT | modbus-plc rtu TTY BAUD UNIT\n");
  return 2;
}
