/* Sends UDP frames of known devices at a rate, with some of unknown MACs among them; prints how many of each it sent.
   watch_gen IFACE RATE SECONDS DEVICES UNKNOWN_PER_10000 arp|udp */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, OCTETS = 90 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int fill(unsigned char *f, unsigned device, unsigned unknown, int arp) {
    static const unsigned char to[6] = {2, 0, 0, 0, 0xff, 1}, any[6] = {255, 255, 255, 255, 255, 255};
    memset(f, 0, OCTETS);
    memcpy(f, arp ? any : to, 6);
    f[6] = unknown ? 0x66 : 2;
    f[9] = unknown;
    if (!unknown) f[10] = device >> 8, f[11] = device;
    f[12] = 8, f[13] = arp ? 6 : 0;
    unsigned char ip[4] = {10, 7, device >> 8, device & 255};
    if (arp) {
        static const unsigned char head[8] = {0, 1, 8, 0, 6, 4, 0, 1};
        memcpy(f + 14, head, 8), memcpy(f + 22, f + 6, 6), memcpy(f + 28, ip, 4);
        f[38] = 10, f[39] = 7, f[40] = 255, f[41] = 1;
        return 60;
    }
    f[14] = 0x45, f[17] = OCTETS - 14, f[20] = 0x40, f[22] = 64, f[23] = 17;
    memcpy(f + 26, ip, 4);
    f[30] = 10, f[31] = 7, f[32] = 255, f[33] = 1;
    f[34] = 0x13, f[35] = 0x88, f[36] = 0x13, f[37] = 0x89, f[39] = OCTETS - 34;
    return OCTETS;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    double rate = atof(argv[2]), seconds = atof(argv[3]);
    unsigned devices = atoi(argv[4]), unknown = atoi(argv[5]), random = 1, strange = 0;
    int arp = !strcmp(argv[6], "arp"), s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
    static unsigned char frames[BATCH][OCTETS];
    struct iovec parts[BATCH];
    struct mmsghdr out[BATCH];
    if (s < 0 || bind(s, (void *)&to, sizeof to)) return 1;
    memset(out, 0, sizeof out);
    unsigned long sent = 0;
    double start = now(), end = start + seconds;
    while (now() < end) {
        if (sent > (now() - start) * rate) {
            struct timespec little = {0, 50000};
            nanosleep(&little, 0);
            continue;
        }
        for (int i = 0; i < BATCH; i++) {
            random = random * 1664525u + 1013904223u;
            unsigned mark = (random >> 8) % 10000 < unknown ? 1 + strange++ % 200 : 0;
            parts[i].iov_base = frames[i];
            parts[i].iov_len = fill(frames[i], 1 + (sent + i) % devices, mark, arp);
            out[i].msg_hdr.msg_iov = &parts[i], out[i].msg_hdr.msg_iovlen = 1;
        }
        int done = sendmmsg(s, out, BATCH, 0);
        if (done > 0) sent += done;
    }
    printf("%lu %u %.3f\n", sent, strange, now() - start);
    return 0;
}
