/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions on sifive_u. Stage 0 has machine mode and keeps it: the application runs in
 * user mode, and what it traps into is stage 0's. */

#define CAUSE_ECALL_USER    8
#define CAUSE_ECALL_MACHINE 11
#define CLINT_MTIMECMP_HIGH 0x02004004
#define MIE_TIMER           0x80
#define MSTATUS_MIE         8
#define FRAME               16 /* bytes on the stack of machine mode */

    /* of stage 0 alone: app.ld leaves it out */
    .section .start.stage0, "ax"
    .global start
start:
    /* the other hart never does anything */
    csrr    t0, mhartid
    bnez    t0, park
    la      t0, trap
    csrw    mtvec, t0
    /* for the watchdog, which nothing has started yet */
    li      t0, CLINT_MTIMECMP_HIGH
    li      t1, -1
    sw      t1, 0(t0)
    li      t0, MIE_TIMER
    csrw    mie, t0
    csrsi   mstatus, MSTATUS_MIE
    j       begin
park:
    wfi
    j       park

    /* A call, which keeps what functions keep, or the end. */
    .balign 4
trap:
    csrw    mscratch, sp
    .option push
    .option norelax
    la      sp, trap_stack_top
    .option pop
    addi    sp, sp, -FRAME
    sw      ra, 0(sp)
    sw      gp, 4(sp)
    sw      tp, 8(sp)
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    csrr    t0, mcause
    addi    t1, t0, -CAUSE_ECALL_USER
    beqz    t1, call
    addi    t1, t0, -CAUSE_ECALL_MACHINE
    beqz    t1, call
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    call    trap_end
call:
    mv      a2, t0
    call    trap_call
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    lw      ra, 0(sp)
    lw      gp, 4(sp)
    lw      tp, 8(sp)
    csrr    sp, mscratch
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
