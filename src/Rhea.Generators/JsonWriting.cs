using Microsoft.CodeAnalysis;

namespace Rhea.Generators;

/// <summary>The statements that write a result as QMP's JSON: records as objects, lists as arrays, enumerations as words.</summary>
internal static class JsonWriting
{
    public static string Value(ITypeSymbol type, string value, int depth)
    {
        if (type.TypeKind == TypeKind.Enum)
            return $"json.WriteStringValue({value} switch {{ {string.Join(", ", Members(type).Select(member => $"{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}.{member.Name} => \"{QmpSchema.NameOf(member, member.Name)}\""))}, _ => \"\" }});";
        if (QmpSchema.ElementOf(type) is { } element)
            return $"json.WriteStartArray(); foreach (var item{depth} in {value}) {{ {Value(element, $"item{depth}", depth + 1)} }} json.WriteEndArray();";
        return type.SpecialType switch
        {
            SpecialType.System_String => $"json.WriteStringValue({value});",
            SpecialType.System_Boolean => $"json.WriteBooleanValue({value});",
            SpecialType.System_Int32 or SpecialType.System_Int64 or SpecialType.System_UInt32 => $"json.WriteNumberValue({value});",
            _ when type.Name == "JsonElement" => $"{value}.WriteTo(json);",
            _ => "json.WriteStartObject(); " + string.Concat(QmpSchema.Properties(type).Select(property => Member(property, value, depth))) + "json.WriteEndObject();",
        };
    }

    public static IEnumerable<IFieldSymbol> Members(ITypeSymbol type) => type.GetMembers().OfType<IFieldSymbol>().Where(field => field.HasConstantValue);

    private static string Member(IPropertySymbol property, string value, int depth)
    {
        string name = QmpSchema.NameOf(property, property.Name);
        (ITypeSymbol type, bool optional) = QmpSchema.Unwrap(property.Type);
        string write = $"json.WritePropertyName(\"{name}\"); {Value(type, $"member{depth}_{property.Name}", depth + 1)} ";
        return optional
            ? $"if ({value}.{property.Name} is {{ }} member{depth}_{property.Name}) {{ {write}}} "
            : $"{{ var member{depth}_{property.Name} = {value}.{property.Name}; {write}}} ";
    }
}
