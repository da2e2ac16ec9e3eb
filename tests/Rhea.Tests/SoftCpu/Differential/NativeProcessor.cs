using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Runs cases on the host's own processor, in a process of its own that is assembled here.</summary>
/// <remarks>
/// The program maps a file of cases, each an image before and room for the image after, and breaks into its own signal handler.
/// The handler copies the interrupted state into the current case and the next case's state over the signal frame, and returns:
/// so it is the kernel that loads all registers, 32-bit code segments included, and every case ends in a signal.
/// </remarks>
internal static class NativeProcessor
{
    private const ulong Image = 0x40_0000, Records = 0x10_0000_0000, AlternateStack = 0x60_0000;
    private const int StackLength = 0x2_0000, Gregs = 40, FpState = 224, XstateFeatures = 512, UpperHalves = 576;
    private const int Open = 2, Mmap = 9, SigAction = 13, SigReturn = 15, SigAltStack = 131, ModifyLdt = 154, Exit = 231;
    private const int FixedPrivateAnonymous = 0x32, FixedShared = 0x11;
    private const uint SigInfo = 4, OnStack = 0x0800_0000, Restorer = 0x0400_0000, NoDefer = 0x4000_0000;
    private static readonly bool HasUpperHalves = Avx.IsSupported;
    private static readonly int[] Signals = [4, 5, 7, 8, 11]; // SIGILL SIGTRAP SIGBUS SIGFPE SIGSEGV

    public static bool IsIntel { get; } = X86Base.CpuId(0, 0).Ebx == 0x756E_6547; // "Genu"

    /// <summary>Fills in the images after the cases.</summary>
    public static List<CpuImage> Run(IReadOnlyList<CpuImage> cases)
    {
        string folder = Directory.CreateTempSubdirectory("rhea-native-").FullName;
        try
        {
            string program = Path.Combine(folder, "native"), file = Path.Combine(folder, "cases");
            var records = new byte[cases.Count * 2 * CpuImage.Length];
            for (var i = 0; i < cases.Count; i++) cases[i].Bytes.CopyTo(records.AsMemory(i * 2 * CpuImage.Length));
            File.WriteAllBytes(file, records);
            File.WriteAllBytes(program, Link(Assemble((ulong)records.Length)));
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            using Process process = Process.Start(new ProcessStartInfo(program) { WorkingDirectory = folder })!;
            if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
            {
                process.Kill();
                throw new TimeoutException("the native program hangs");
            }
            if (process.ExitCode != 0) throw new InvalidOperationException($"the native program ended with {process.ExitCode}");
            byte[] after = File.ReadAllBytes(file);
            return [.. Enumerable.Range(0, cases.Count).Select(i => new CpuImage(after.AsMemory(((2 * i) + 1) * CpuImage.Length, CpuImage.Length)))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Assemble(ulong length)
    {
        var c = new Assembler(64);
        Label handler = c.CreateLabel(), restorer = c.CreateLabel(), path = c.CreateLabel(), current = c.CreateLabel();
        Label stack = c.CreateLabel(), segment = c.CreateLabel(), action = c.CreateLabel(), first = c.CreateLabel(), initial = c.CreateLabel(), next = c.CreateLabel(), done = c.CreateLabel();

        c.mov(eax, Open);
        c.lea(rdi, __[path]);
        c.mov(esi, 2);
        c.syscall();
        c.mov(r8d, eax);
        Map(c, Records, length, 3, FixedShared);
        Map(c, CaseLayout.Code, 4096, 7, FixedPrivateAnonymous);
        Map(c, CaseLayout.Data, CaseLayout.DataEnd - CaseLayout.Data, 3, FixedPrivateAnonymous);
        Map(c, AlternateStack, StackLength, 3, FixedPrivateAnonymous);
        c.mov(eax, SigAltStack);
        c.lea(rdi, __[stack]);
        c.xor(esi, esi);
        c.syscall();
        c.mov(eax, ModifyLdt);
        c.mov(edi, 0x11);
        c.lea(rsi, __[segment]);
        c.mov(edx, 16);
        c.syscall();
        c.mov(eax, CaseLayout.Stack);
        c.mov(ds, eax);
        c.mov(es, eax);
        c.lea(rax, __[handler]);
        c.lea(rsi, __[action]);
        c.mov(__[rsi], rax);
        c.lea(rax, __[restorer]);
        c.mov(__[rsi + 16], rax);
        foreach (int signal in Signals)
        {
            c.mov(eax, SigAction);
            c.mov(edi, signal);
            c.lea(rsi, __[action]);
            c.xor(edx, edx);
            c.mov(r10d, 8);
            c.syscall();
        }
        c.int3();

        c.Label(ref handler); // rdx: the context that the signal interrupted
        c.mov(rbx, __qword_ptr[current]);
        c.test(rbx, rbx);
        c.jz(first);
        c.lea(rsi, __[rdx + Gregs]);
        c.lea(rdi, __[rbx + CpuImage.Length]);
        Copy(c, 23);
        c.mov(rsi, __[rdx + FpState]);
        c.lea(rdi, __[rbx + CpuImage.Length + CpuImage.FxOffset]);
        Copy(c, 64);
        c.add(rdi, CaseLayout.CodeLength);
        c.mov(esi, CaseLayout.Border);
        Copy(c, CaseLayout.BorderLength / 8);
        c.mov(esi, CaseLayout.Edge);
        Copy(c, CaseLayout.EdgeLength / 8);
        c.mov(rsi, __[rdx + FpState]);
        c.test(__dword_ptr[rsi + XstateFeatures], 4); // else they are zero, and not there
        c.jz(initial);
        c.add(rsi, UpperHalves);
        Copy(c, 32);
        c.Label(ref initial);
        c.add(rbx, 2 * CpuImage.Length);
        c.jmp(next);
        c.Label(ref first);
        c.mov(rbx, Records);
        c.Label(ref next);
        c.mov(rax, Records + length);
        c.cmp(rbx, rax);
        c.jae(done);
        c.mov(__qword_ptr[current], rbx);
        c.mov(rsi, rbx);
        c.lea(rdi, __[rdx + Gregs]);
        Copy(c, 19);
        c.lea(rsi, __[rbx + CpuImage.FxOffset]);
        c.mov(rdi, __[rdx + FpState]);
        c.or(__dword_ptr[rdi + XstateFeatures], HasUpperHalves ? 7 : 3);
        Copy(c, 52); // the rest is the kernel's
        if (HasUpperHalves)
        {
            c.lea(rsi, __[rbx + CpuImage.UpperOffset]);
            c.mov(rdi, __[rdx + FpState]);
            c.add(rdi, UpperHalves);
            Copy(c, 32);
        }

        Fill(c, CaseLayout.Code, 4096, 0xCCCC_CCCC_CCCC_CCCC);
        c.lea(rsi, __[rbx + CpuImage.FxOffset + 512]);
        c.mov(edi, CaseLayout.Start);
        Copy(c, CaseLayout.CodeLength / 8);
        Fill(c, CaseLayout.Data, CaseLayout.DataEnd - CaseLayout.Data, 0);
        c.mov(edi, CaseLayout.Border);
        Copy(c, CaseLayout.BorderLength / 8);
        c.mov(edi, CaseLayout.Edge);
        Copy(c, CaseLayout.EdgeLength / 8);
        c.ret();
        c.Label(ref done);
        c.mov(eax, Exit);
        c.xor(edi, edi);
        c.syscall();
        c.Label(ref restorer);
        c.mov(eax, SigReturn);
        c.syscall();

        c.Label(ref path);
        c.db("cases\0"u8.ToArray());
        c.Label(ref current);
        c.dq(0UL);
        c.Label(ref stack);
        foreach (ulong word in (ReadOnlySpan<ulong>)[AlternateStack, 0, StackLength]) c.dq(word);
        c.Label(ref segment); // entry 0: 32-bit code, 4 GiB; not every kernel has one in its GDT
        foreach (uint word in (ReadOnlySpan<uint>)[0, 0, 0xF_FFFF, 0x55]) c.dd(word);
        c.Label(ref action);
        foreach (ulong word in (ReadOnlySpan<ulong>)[0, SigInfo | OnStack | Restorer | NoDefer, 0, 0]) c.dq(word);

        using var stream = new MemoryStream();
        c.Assemble(new StreamCodeWriter(stream), Image + 0x1000);
        return stream.ToArray();
    }

    private static void Map(Assembler c, ulong at, ulong length, int protection, int flags)
    {
        c.mov(eax, Mmap);
        c.mov(rdi, at);
        c.mov(rsi, length);
        c.mov(edx, protection);
        c.mov(r10d, flags);
        if (flags != FixedShared) c.mov(r8, -1L);
        c.xor(r9d, r9d);
        c.syscall();
    }

    private static void Copy(Assembler c, int words)
    {
        c.mov(ecx, words);
        c.rep.movsq();
    }

    private static void Fill(Assembler c, uint at, uint length, ulong value)
    {
        c.mov(edi, at);
        c.mov(ecx, length / 8);
        c.mov(rax, value);
        c.rep.stosq();
    }

    /// <summary>The smallest static executable: one segment that may be read, written and executed.</summary>
    private static byte[] Link(byte[] code)
    {
        var file = new byte[0x1000 + code.Length];
        ReadOnlySpan<byte> ident = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        ident.CopyTo(file);
        void Half(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);
        void Word(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        void Long(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);
        Half(16, 2);              // executable
        Half(18, 62);             // x86-64
        Word(20, 1);
        Long(24, Image + 0x1000); // entry
        Long(32, 64);             // program headers
        Half(52, 64);
        Half(54, 56);
        Half(56, 1);
        Word(64, 1);              // load
        Word(68, 7);
        Long(72, 0x1000);
        Long(80, Image + 0x1000);
        Long(88, Image + 0x1000);
        Long(96, (ulong)code.Length);
        Long(104, (ulong)code.Length);
        Long(112, 0x1000);
        code.CopyTo(file, 0x1000);
        return file;
    }
}
