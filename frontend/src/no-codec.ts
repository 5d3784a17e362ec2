// Stands in for the codecs of Zarr, a format that the reader does not show.

export default undefined;
