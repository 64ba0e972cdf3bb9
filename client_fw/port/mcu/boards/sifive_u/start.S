/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions on sifive_u. Stage 0 has machine mode and keeps it: the application runs in
 * user mode, and what it traps into is stage 0's. */

#define CAUSE_ECALL_USER    8
#define CAUSE_ECALL_MACHINE 11

    /* of stage 0 alone: app.ld leaves it out */
    .section .start.stage0, "ax"
    .global start
start:
    /* the other hart never does anything */
    csrr    t0, mhartid
    bnez    t0, park
    la      t0, trap
    csrw    mtvec, t0
    j       begin
park:
    wfi
    j       park

    /* A call of the emulator's host, or the end. */
    .balign 4
trap:
    csrw    mscratch, t0
    csrr    t0, mcause
    addi    t0, t0, -CAUSE_ECALL_USER
    beqz    t0, host
    addi    t0, t0, CAUSE_ECALL_USER - CAUSE_ECALL_MACHINE
    beqz    t0, host
    /* It ends in a reset, and the stack may be what failed. */
    call    set_pointers
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    call    board_trap
host:
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    csrr    t0, mscratch
    /* Uncompressed and within one page: the three instructions are the call. */
    .balign 16
    .option push
    .option norvc
    slli    zero, zero, 0x1f
    ebreak
    srai    zero, zero, 7
    .option pop
    mret

    .section .start, "ax"
    .global begin
begin:
    call    set_pointers
    la      t0, data_start
    la      t1, data_end
    la      t2, data_load
copy:
    bgeu    t0, t1, copied
    lw      t3, 0(t2)
    sw      t3, 0(t0)
    addi    t0, t0, 4
    addi    t2, t2, 4
    j       copy
copied:
    la      t0, bss_start
    la      t1, bss_end
zero:
    bgeu    t0, t1, zeroed
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       zero
zeroed:
    call    main
ended:
    j       ended

set_pointers:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, stack_top
    la      tp, tls_start
    ret

    .section .text.semihost_call, "ax"
    .global semihost_call
semihost_call:
    ecall
    ret
