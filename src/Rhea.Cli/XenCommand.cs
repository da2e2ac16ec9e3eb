using System.CommandLine;
using Rhea;

/// <summary><c>rhea xen</c>: the domains that rhea has made on this host.</summary>
internal static class XenCommand
{
    public static Command Build()
    {
        var list = new Command("list", "Lists the domains that rhea has made on this host.");
        list.SetAction(_ => XenDomains.List(Console.Out));
        var ids = new Argument<string[]>("ID") { Description = "Which; without one, all whose rhea is there no more.", Arity = ArgumentArity.ZeroOrMore };
        var destroy = new Command("destroy", "Destroys domains that rhea has made: those that crashes have left over, or the ones named.") { ids };
        destroy.SetAction(result => XenDomains.Destroy(result.GetValue(ids) ?? [], Console.Out));
        var keep = new Command("keep", "Its own, beside each domain: does for rhea what a restricted process cannot, and destroys the domain in the end.");
        keep.Hidden = true;
        keep.SetAction(_ => XenDomains.Keep(Console.OpenStandardInput(), Console.OpenStandardOutput()));
        return new Command("xen", "Tells of the domains that rhea has made under Xen, and destroys what is left over of them.") { list, destroy, keep };
    }
}
