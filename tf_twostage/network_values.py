"""Layers of the networks: what is the same in every recipe, with its source.

Sources are cited as in `recipes`: [F12] (caption of the paper's Figure 12), [code] (the authors'
published TensorFlow 1 code), [study] (the public code of the GAN study that the paper's Table 1
takes its GANs from, google/compare_gan, first version), [WAE] (the public code of the WAE paper,
its CelebA setting).
"""

INFOGAN_FILTERS = (64, 128)  # [code] the encoder's convolutions; the decoder has them in reverse
INFOGAN_UNITS = 1024  # [code] the dense layer of either half
INFOGAN_KERNEL = 4  # [code] 4 x 4, stride 2
INITIAL_STDDEV = 0.02  # [code], InfoGAN: (truncated) normal kernels
LEAKY_RELU_SLOPE = 0.2  # [code], InfoGAN
SD_FLOOR = 1e-6  # [code], InfoGAN: sigma_z = 1e-6 + softplus(.)
SD_BOUND = 10.0  # [ours] |log sd| where `bounded_sd` is set: sd^2 is in 2e-9..5e8
RESNET_UNITS = 512  # [F12] the fully connected scale block
RESNET_KERNEL = 3  # [code] 3 x 3
RESNET_START = 2  # [F12] the decoder starts from 2 x 2
RESNET_CAP = 1024  # [code] most channels of the decoder, where the recipe caps them
WAE_FILTERS = (128, 256, 512, 1024)  # [code] the encoder's; the decoder has them in reverse
WAE_STRIDES = (1, 2, 2, 2)  # [code]
WAE_START = (8, 8)  # [code] the decoder starts from 8 x 8
WAE_KERNEL = 5  # [code] 5 x 5
WAE_IMAGE = (64, 64, 3)  # [code] the only images that it takes

BATCH_NORM_EPSILON = 1e-5  # [code]

GAN_BATCH_NORM_EPSILON = 1e-3  # [study]
BEGAN_CODE = 64  # [study] the bottleneck of BEGAN's discriminator
SLOPE_FLOOR = 1e-4  # [study] a slope is sqrt(SLOPE_FLOOR + |gradient|^2)
DRAGAN_SPREAD = 0.5  # [study] of the images' standard deviation, the width of DRAGAN's noise
MMD_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # [WAE] the kernels have C = scale * 2 kappa
ADVERSARY_STDDEV = 0.01  # [WAE] WAE-GAN's adversary: normal kernels
PRETRAIN_IMAGES = 256  # [WAE] of a step of the encoder's pretraining
PRETRAIN_ENOUGH = 0.1  # [WAE] the gap of the moments below which it stops
