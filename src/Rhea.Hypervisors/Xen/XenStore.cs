using System.Buffers.Binary;
using System.Text;
using Rhea.Core;

namespace Rhea.Hypervisors.Xen;

/// <summary>XenStore, through the kernel's /dev/xen/xenbus: one key is written for xl, and none is read.</summary>
/// <remarks>Xen, public/io/xs_wire.h: a head of four words (type, number, transaction, length), then the text.</remarks>
internal static class XenStore
{
    private const string Device = "/dev/xen/xenbus";
    private const int HeadLength = 16, LengthAt = 12, MostText = 4096;
    private const uint WriteKey = 11, Refusal = 16;

    /// <exception cref="ConfigException">XenStore is not there, or refuses.</exception>
    public static void Write(string path, string value)
    {
        try
        {
            using FileStream store = new(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            byte[] text = Encoding.ASCII.GetBytes($"{path}\0{value}");
            var message = new byte[HeadLength + text.Length];
            BinaryPrimitives.WriteUInt32LittleEndian(message, WriteKey);
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(LengthAt), (uint)text.Length);
            text.CopyTo(message, HeadLength);
            store.Write(message);

            var head = new byte[HeadLength];
            store.ReadExactly(head);
            var answer = new byte[Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(LengthAt)), MostText)];
            store.ReadExactly(answer);
            if (BinaryPrimitives.ReadUInt32LittleEndian(head) == Refusal)
                throw new ConfigException($"XenStore does not take {path}: {Encoding.ASCII.GetString(answer).TrimEnd('\0')}");
        }
        catch (IOException error)
        {
            throw new ConfigException($"XenStore ({Device}) could not be written: {error.Message}", error);
        }
    }
}
