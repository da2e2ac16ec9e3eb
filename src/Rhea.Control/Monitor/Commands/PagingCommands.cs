using System.Text;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>What the page tables of a processor map.</summary>
public static class PagingCommands
{
    [HmpCommand("info tlb", "", "show virtual to physical memory mappings")]
    public static string Mappings(MonitorSession session) => Describe(session, static (text, tables) =>
    {
        foreach (Mapping page in tables.Mappings()) text.Append($"{page.Linear:x16}: {page.Frame:x16} {page.Flags}\n");
    });

    /// <summary>Neighbours with the same rights are one line.</summary>
    [HmpCommand("info mem", "", "show the active virtual memory mappings")]
    public static string Ranges(MonitorSession session) => Describe(session, static (text, tables) =>
    {
        ulong start = 0, end = 0;
        string rights = "";
        foreach (Mapping page in tables.Mappings())
        {
            if (page.Linear != end || page.Rights != rights)
            {
                Line();
                (start, rights) = (page.Linear, page.Rights);
            }

            end = page.Linear + page.Length;
        }

        Line();

        void Line()
        {
            if (rights.Length > 0) text.Append($"{start:x16}-{end:x16} {end - start:x16} {rights}\n");
        }
    });

    private static string Describe(MonitorSession session, Action<StringBuilder, PageTables> describe)
    {
        Processor processor = session.Processor;
        return session.Machine.WhilePaused(() =>
        {
            CpuState cpu = processor.Fetch().State;
            if ((cpu.Cr0 & PageTables.Enabled) == 0) return "PG disabled\n";
            using MachineLoop.Held held = session.Machine.Loop.Enter();
            var tables = new PageTables(session.Machine.Memory, in cpu);
            var text = new StringBuilder();
            describe(text, tables);
            if (tables.HasMore) text.Append("... there are too many tables to show all of them\n");
            return text.ToString();
        });
    }
}
