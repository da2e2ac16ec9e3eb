using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Rhea.Generators;

/// <summary>Turns every <c>[QmpCommand]</c> and <c>[HmpCommand]</c> method and <c>[QmpEvent]</c> record of a project into one entry of its <c>MonitorCommands</c>.</summary>
[Generator]
public sealed class MonitorCommandGenerator : IIncrementalGenerator
{
    private const string Attributes = "Rhea.Core.Monitor.";

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var qmp = context.SyntaxProvider.ForAttributeWithMetadataName(Attributes + "QmpCommandAttribute", static (_, _) => true,
            static (found, _) => Qmp((IMethodSymbol)found.TargetSymbol, (string)found.Attributes[0].ConstructorArguments[0].Value!));
        var hmp = context.SyntaxProvider.ForAttributeWithMetadataName(Attributes + "HmpCommandAttribute", static (_, _) => true,
            static (found, _) => Hmp((IMethodSymbol)found.TargetSymbol, found.Attributes[0]));

        var events = context.SyntaxProvider.ForAttributeWithMetadataName(Attributes + "QmpEventAttribute", static (_, _) => true,
            static (found, _) => Event((INamedTypeSymbol)found.TargetSymbol, (string)found.Attributes[0].ConstructorArguments[0].Value!));

        context.RegisterSourceOutput(qmp.Collect().Combine(hmp.Collect()).Combine(events.Collect()).Combine(context.CompilationProvider), static (output, all) =>
        {
            (((var qmp, var hmp), var events), Compilation compilation) = all;
            if (qmp.IsEmpty && hmp.IsEmpty && events.IsEmpty) return;
            var text = new StringBuilder();
            text.AppendLine("#nullable enable");
            text.AppendLine($"namespace {compilation.AssemblyName};");
            text.AppendLine("using Rhea.Core.Monitor;");
            text.AppendLine("/// <summary>Every monitor command and event that this project declares.</summary>");
            text.AppendLine("public static class MonitorCommands");
            text.AppendLine("{");
            text.AppendLine("    public static System.Collections.Generic.IReadOnlyList<QmpCommand> Qmp { get; } =\n    [");
            foreach (string entry in qmp.OrderBy(entry => entry, System.StringComparer.Ordinal)) text.AppendLine(entry);
            text.AppendLine("    ];\n");
            text.AppendLine("    public static System.Collections.Generic.IReadOnlyList<HmpCommand> Hmp { get; } =\n    [");
            foreach (string entry in hmp.OrderBy(entry => entry, System.StringComparer.Ordinal)) text.AppendLine(entry);
            text.AppendLine("    ];\n");
            text.AppendLine("    public static System.Collections.Generic.IReadOnlyList<QmpEvent> Events { get; } =\n    [");
            foreach (string entry in events.OrderBy(entry => entry, System.StringComparer.Ordinal)) text.AppendLine(entry);
            text.AppendLine("    ];\n}");
            output.AddSource("MonitorCommands.g.cs", text.ToString());
        });
    }

    private static string Qmp(IMethodSymbol method, string name)
    {
        var schema = new QmpSchema();
        schema.AddCommand(name, method);
        var reads = new StringBuilder();
        var arguments = new List<string>();
        foreach (IParameterSymbol parameter in method.Parameters)
        {
            if (Given(parameter.Type) is { } given)
            {
                arguments.Add(given);
                continue;
            }

            string key = SymbolDisplay.FormatLiteral(QmpSchema.NameOf(parameter, parameter.Name), quote: true);
            string fallback = parameter.HasExplicitDefaultValue ? $", {SymbolDisplay.FormatPrimitive(parameter.ExplicitDefaultValue!, true, false) ?? "null"}" : "";
            reads.Append($"            var {parameter.Name}_ = arguments.{Reader(parameter.Type)}({key}{fallback});\n");
            arguments.Add(parameter.Name + "_");
        }

        if (!method.Parameters.Any(parameter => parameter.Type.Name == "QmpArguments")) reads.Append("            arguments.RejectUnknown();\n");
        string call = $"{method.ContainingType.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}.{method.Name}({string.Join(", ", arguments)})";
        string write = method.ReturnsVoid
            ? $"{call};\n            json.WriteStartObject();\n            json.WriteEndObject();\n"
            : $"var result = {call};\n            {JsonWriting.Value(method.ReturnType, "result", 0)}\n";
        string entries = string.Join(", ", schema.Entries.Select(entry => SymbolDisplay.FormatLiteral(entry, quote: true)));
        return $$"""
                    new({{SymbolDisplay.FormatLiteral(name, quote: true)}}, [{{entries}}], static (session, arguments, json) =>
                    {
            {{reads}}            {{write}}        }),
            """;
    }

    private static string Event(INamedTypeSymbol type, string name)
    {
        var schema = new QmpSchema();
        schema.AddEvent(name, type);
        string entries = string.Join(", ", schema.Entries.Select(entry => SymbolDisplay.FormatLiteral(entry, quote: true)));
        string write = QmpSchema.Properties(type).Any() ? $"json.WritePropertyName(\"data\"); {JsonWriting.Value(type, "happened", 0)}" : "";
        return $$"""
                    new({{SymbolDisplay.FormatLiteral(name, quote: true)}}, [{{entries}}], static (any, json) =>
                    {
                        if (any is not {{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}} happened) return false;
                        json.WriteString("event", {{SymbolDisplay.FormatLiteral(name, quote: true)}});
                        {{write}}
                        return true;
                    }),
            """;
    }

    private static string Hmp(IMethodSymbol method, AttributeData attribute)
    {
        var reads = new StringBuilder();
        var arguments = new List<string>();
        foreach (IParameterSymbol parameter in method.Parameters)
        {
            if (Given(parameter.Type) is { } given)
            {
                arguments.Add(given);
                continue;
            }

            string value = parameter.HasExplicitDefaultValue ? SymbolDisplay.FormatPrimitive(parameter.ExplicitDefaultValue ?? "null", false, false) : "";
            string read = parameter.Type.Name switch
            {
                "Boolean" => $"Flag('{parameter.Name[0]}')",
                "MemoryFormat" => "Format(new MemoryFormat(1, 'x', 4))",
                "Int64" => $"Int64(\"{parameter.Name}\"{(value.Length > 0 ? ", " + value : "")})",
                _ => $"String(\"{parameter.Name}\"{(parameter.HasExplicitDefaultValue ? ", null" : "")})",
            };
            reads.Append($"            var {parameter.Name}_ = arguments.{read};\n");
            arguments.Add(parameter.Name + "_");
        }

        string call = $"{method.ContainingType.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}.{method.Name}({string.Join(", ", arguments)})";
        string result = method.ReturnsVoid ? $"{call};\n            return null;" : $"return {call};";
        string texts = string.Join(", ", attribute.ConstructorArguments.Select(argument => argument.ToCSharpString()));
        return $$"""
                    new({{texts}}, static (session, arguments) =>
                    {
            {{reads}}            arguments.RejectUnknown();
                        {{result}}
                    }),
            """;
    }

    private static string? Given(ITypeSymbol type) => type.Name switch
    {
        "Machine" => "session.Machine",
        "MachineConfig" => "session.Config",
        "MonitorSession" => "session",
        "QmpArguments" => "arguments",
        _ when type is { TypeKind: TypeKind.Class, SpecialType: SpecialType.None } =>
            $"session.Monitored.Service<{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat.WithMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.None))}>()",
        _ => null,
    };

    private static string Reader(ITypeSymbol type) => type.Name switch
    {
        "Int64" => "Int64",
        "Boolean" => "Boolean",
        "JsonElement" => "List",
        _ => "String",
    };
}
