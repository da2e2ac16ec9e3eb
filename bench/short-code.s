# A boot sector whose 16-bit code runs in segments: docs/PERFORMANCE.md says what it is for. It ends by isa-debug-exit.
#
#   as --32 -o short-code.o bench/short-code.s && objcopy -O binary -j .text short-code.o short-code.img && truncate -s 1M short-code.img
#   time out/rhea -display none -nic none -drive file=short-code.img,format=raw -device isa-debug-exit,iobase=0xf4,iosize=4

.code16
.intel_syntax noprefix
.globl _start
_start:
    ljmp 0x7c0:start            # as many boot sectors do: CS = 07C0h
start:
    cli
    mov ax, cs
    mov ds, ax
    mov ax, 0x1000
    mov es, ax
    mov ss, ax
    mov sp, 0xfffe
    mov eax, 12000
    mov ds:[rounds], eax
round:
    # sieve of 8000 in ES
    xor di, di
    mov cx, 8000
    mov al, 1
fill:
    mov es:[di], al
    inc di
    loop fill
    mov si, 2
outer:
    cmp byte ptr es:[si], 0
    je next
    mov di, si
    add di, si
inner:
    cmp di, 8000
    jae next
    mov byte ptr es:[di], 0
    add di, si
    jmp inner
next:
    inc si
    cmp si, 90
    jb outer
    # checksum with calls and the stack
    xor bx, bx
    xor si, si
    mov cx, 1000
sum:
    push cx
    push si
    call add_one
    pop si
    pop cx
    inc si
    dec cx
    jnz sum
    # words by BP and by BX+SI
    push bp
    mov bp, sp
    sub sp, 64
    mov cx, 1000
words:
    mov ax, cx
    and ax, 31
    mov si, ax
    lea bx, [bp-64]
    add [bp-2], ax
    add ss:[bx+si], al
    xor ax, ds:[table]
    mov ds:[table], ax
    dec cx
    jnz words
    mov sp, bp
    pop bp
    dec dword ptr ds:[rounds]
    jnz round
    mov dx, 0xf4
    mov al, 0
    out dx, al
    hlt
add_one:
    movzx ax, byte ptr es:[si]
    add bx, ax
    ret
.equ rounds, 0x2000
.equ table, 0x2010
.org 510
.word 0xaa55
