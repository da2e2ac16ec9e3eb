using System.Runtime.Intrinsics;
using Rhea.X86.Cryptography;
using Xunit;

namespace Rhea.Tests.X86.Cryptography;

public class AesRoundsTests
{
    /// <summary>FIPS 197, appendix B: the start of round 1, and its key.</summary>
    private static readonly Vector128<byte> Round1 = Block("193de3bea0f4e22b9ac68d2ae9f84808"), Key1 = Block("a0fafe1788542cb123a339392a6c7605");

    [Fact]
    public void A_round_is_that_of_FIPS_197()
    {
        Assert.Equal(Block("a49c7ff2689f352b6b5bea43026a5049"), AesRounds.Encrypt(Round1, Key1));
        Assert.Equal(Block("3925841d02dc09fbdc118597196a0b32"), AesRounds.EncryptLast(Block("eb40f21e592e38848ba113e71bc342d2"), Block("d014f9a8c9ee2589e13f0cc8b6630ca6")));
    }

    [Fact]
    public void Decryption_undoes_a_round()
    {
        Vector128<byte> mixed = AesRounds.Encrypt(Round1, default);

        Assert.Equal(Round1, AesRounds.DecryptLast(AesRounds.InverseMixColumns(mixed), default));
        Assert.Equal(AesRounds.InverseMixColumns(AesRounds.DecryptLast(mixed, default)) ^ Key1, AesRounds.Decrypt(mixed, Key1));
    }

    /// <summary>FIPS 197, appendix A.1: SubWord and RotWord of the last word of the first key.</summary>
    [Fact]
    public void The_key_schedule_substitutes_rotates_and_adds_a_constant()
    {
        Vector128<byte> assist = AesRounds.KeyAssist(Block("2b7e151628aed2a6abf7158809cf4f3c"), 1);

        Assert.Equal(Block("8b84eb01"), Vector128.CreateScalar(assist.AsUInt32()[3]).AsByte());
    }

    private static Vector128<byte> Block(string hex) => Vector128.Create(Convert.FromHexString(hex.PadRight(32, '0')));
}
