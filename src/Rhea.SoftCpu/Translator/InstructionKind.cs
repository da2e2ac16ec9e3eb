namespace Rhea.SoftCpu.Translator;

/// <summary>Who emits an instruction.</summary>
internal enum InstructionKind
{
    Interpreted,
    Nothing,
    Plain,
    Special,
    BitString,
    BitManipulation,
    Divide,
    Stack,
    String,
    X87,
    System,
    Jump,
}
