using System.Text;
using Microsoft.CodeAnalysis;

namespace Rhea.Generators;

/// <summary>The entries of <c>query-qmp-schema</c> for one command: itself, and the types of its arguments and its result.</summary>
internal sealed class QmpSchema
{
    private readonly Dictionary<string, string> _entries = [];

    public IEnumerable<string> Entries => _entries.Values;

    public void AddCommand(string name, IMethodSymbol method)
    {
        bool open = method.Parameters.Any(parameter => parameter.Type.Name == "QmpArguments");
        string members = string.Join(", ", method.Parameters
            .Where(parameter => parameter.Type.Name is "String" or "Int64" or "Boolean" or "JsonElement")
            .Select(parameter => Member(NameOf(parameter, parameter.Name), TypeName(Unwrap(parameter.Type).Type), parameter.HasExplicitDefaultValue)));
        string argument = members.Length == 0 ? "q_empty" : name + "-arg";
        _entries[argument] = $"{{\"name\": \"{argument}\", \"meta-type\": \"object\", \"members\": [{members}]}}";
        string result = method.ReturnsVoid ? AddObject("q_empty", "") : TypeName(method.ReturnType);
        string features = open && name == "device_add" ? ", \"features\": [\"json-cli\", \"json-cli-hotplug\"]" : "";
        _entries["command " + name] =
            $"{{\"name\": \"{name}\", \"meta-type\": \"command\", \"arg-type\": \"{argument}\", \"ret-type\": \"{result}\", \"allow-oob\": false{features}}}";
    }

    public void AddEvent(string name, INamedTypeSymbol type)
    {
        string data = Properties(type).Any() ? TypeName(type) : AddObject("q_empty", "");
        _entries["event " + name] = $"{{\"name\": \"{name}\", \"meta-type\": \"event\", \"arg-type\": \"{data}\"}}";
    }

    /// <summary>"CpuIndex" and "cpuIndex" are "cpu-index".</summary>
    public static string Kebab(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    public static string NameOf(ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(attribute => attribute.AttributeClass?.Name == "QmpNameAttribute")?.ConstructorArguments[0].Value as string
        ?? Kebab(name);

    public static (ITypeSymbol Type, bool Optional) Unwrap(ITypeSymbol type) =>
        type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable
            ? (nullable.TypeArguments[0], true)
            : (type, type.NullableAnnotation == NullableAnnotation.Annotated);

    public static ITypeSymbol? ElementOf(ITypeSymbol type) => type is INamedTypeSymbol { Name: "IReadOnlyList" } list ? list.TypeArguments[0] : null;

    public static IEnumerable<IPropertySymbol> Properties(ITypeSymbol type) => type.GetMembers().OfType<IPropertySymbol>()
        .Where(property => property is { DeclaredAccessibility: Accessibility.Public, IsStatic: false, IsImplicitlyDeclared: false } && property.Name != "EqualityContract");

    private string TypeName(ITypeSymbol type)
    {
        if (ElementOf(type) is { } element)
        {
            string name = $"[{TypeName(element)}]";
            _entries[name] = $"{{\"name\": \"{name}\", \"meta-type\": \"array\", \"element-type\": \"{name.Substring(1, name.Length - 2)}\"}}";
            return name;
        }

        switch (type.SpecialType)
        {
            case SpecialType.System_String: return Builtin("str", "string");
            case SpecialType.System_Boolean: return Builtin("bool", "boolean");
            case SpecialType.System_Int32 or SpecialType.System_Int64 or SpecialType.System_UInt32: return Builtin("int", "int");
        }

        if (type.Name == "JsonElement") return Builtin("any", "value");
        if (type.TypeKind != TypeKind.Enum)
            return AddObject(type.Name, string.Join(", ", Properties(type).Select(property =>
                Member(NameOf(property, property.Name), TypeName(Unwrap(property.Type).Type), Unwrap(property.Type).Optional))));
        IEnumerable<string> words = JsonWriting.Members(type).Select(member => NameOf(member, member.Name));
        _entries[type.Name] = $"{{\"name\": \"{type.Name}\", \"meta-type\": \"enum\", "
            + $"\"members\": [{string.Join(", ", words.Select(word => $"{{\"name\": \"{word}\"}}"))}], \"values\": [{string.Join(", ", words.Select(word => $"\"{word}\""))}]}}";
        return type.Name;
    }

    private string AddObject(string name, string members)
    {
        _entries[name] = $"{{\"name\": \"{name}\", \"meta-type\": \"object\", \"members\": [{members}]}}";
        return name;
    }

    private string Builtin(string name, string json)
    {
        _entries[name] = $"{{\"name\": \"{name}\", \"meta-type\": \"builtin\", \"json-type\": \"{json}\"}}";
        return name;
    }

    private static string Member(string name, string type, bool optional) =>
        $"{{\"name\": \"{name}\", \"type\": \"{type}\"{(optional ? ", \"default\": null" : "")}}}";
}
