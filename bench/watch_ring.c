/* The floor: an AF_PACKET ring that only looks at each frame's source MAC; at end of input prints frames and losses.
   watch_ring IFACE */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 17, BLOCKS = 192 };

int main(int argc, char **argv) {
    int version = TPACKET_V3, s = socket(AF_PACKET, SOCK_RAW, 0);
    struct tpacket_req3 ask = {BLOCK, BLOCKS, 2048, BLOCK / 2048 * BLOCKS, 50, 0, 0};
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    if (argc != 2 || s < 0 || !(at.sll_ifindex = if_nametoindex(argv[1]))) return 1;
    if (setsockopt(s, SOL_PACKET, PACKET_VERSION, &version, sizeof version)) return 1;
    if (setsockopt(s, SOL_PACKET, PACKET_RX_RING, &ask, sizeof ask)) return 1;
    char *ring = mmap(0, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
    if (ring == MAP_FAILED || bind(s, (void *)&at, sizeof at)) return 1;
    unsigned long frames = 0, sum = 0, next = 0;
    struct pollfd wait[2] = {{s, POLLIN, 0}, {0, POLLIN, 0}};
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct tpacket_block_desc *block = (void *)(ring + next * BLOCK);
        if (!(block->hdr.bh1.block_status & TP_STATUS_USER)) {
            if (wait[1].revents) break;
            poll(wait, 2, 500);
            continue;
        }
        struct tpacket3_hdr *frame = (void *)((char *)block + block->hdr.bh1.offset_to_first_pkt);
        for (unsigned i = 0; i < block->hdr.bh1.num_pkts; i++) {
            sum += ((unsigned char *)frame)[frame->tp_mac + 11];
            frame = (void *)((char *)frame + frame->tp_next_offset);
        }
        frames += block->hdr.bh1.num_pkts;
        block->hdr.bh1.block_status = TP_STATUS_KERNEL;
        next = (next + 1) % BLOCKS;
    }
    struct tpacket_stats_v3 told;
    socklen_t size = sizeof told;
    getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &told, &size);
    printf("%lu %u %lu\n", frames, told.tp_drops, sum);
    return 0;
}
